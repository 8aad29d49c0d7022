"""Preconditions and ranges: whether a request is carried out, and on which bytes.

Reads follow RFC 9110, section 13.2.2: `If-Match`, otherwise `If-Unmodified-Since`; then `If-None-Match`,
otherwise `If-Modified-Since`. S3 agrees. Writes have two conditions, `If-None-Match: *` and `If-Match`, which
are not judged here but by the catalog, in the log's order, where they mean something.

Ranges follow RFC 9110, section 14.2, as S3 does: anything but one well-formed byte range is ignored, and the
whole object is sent.

Throughout, `etag` is without quotation marks, `modified` is in milliseconds, and a span is [start, stop).
"""

import re

from outlast.catalog.records import Condition
from outlast.gateway.s3.dates import http_date, parse_http_date
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.headers import Headers

__all__ = [
    "check_copy_source",
    "check_read",
    "copy_span",
    "http_date",
    "parse_http_date",
    "read_span",
    "write_condition",
]

_RANGE = re.compile(r"bytes=(\d{0,40})-(\d{0,40})", re.ASCII | re.IGNORECASE).fullmatch
_COPY_RANGE = re.compile(r"bytes=(\d{1,40})-(\d{1,40})", re.ASCII).fullmatch


def check_read(headers: Headers, etag: str, modified: int) -> None:
    """Judge a GET or HEAD. PreconditionFailed (412), or NotModified (304) with the headers that it needs."""
    if (name := _failed(headers, "", etag, modified)) is not None:
        raise _precondition_failed(name)
    if _unchanged(headers, "", etag, modified) is not None:
        raise S3Error("NotModified", headers={"ETag": f'"{etag}"', "Last-Modified": http_date(modified)})


def check_copy_source(headers: Headers, etag: str, modified: int) -> None:
    """Judge the source of a copy by its `x-amz-copy-source-if-*` headers. PreconditionFailed."""
    prefix = "x-amz-copy-source-"
    name = _failed(headers, prefix, etag, modified) or _unchanged(headers, prefix, etag, modified)
    if name is not None:
        raise _precondition_failed(name)


def _failed(headers: Headers, prefix: str, etag: str, modified: int) -> str | None:
    """Return the name of the header that demands another version than this, if one does."""
    name = f"{prefix}If-Match"
    if (tags := headers.get(name)) is not None:
        return None if _lists(tags, etag) else name
    name = f"{prefix}If-Unmodified-Since"
    since = _seconds(headers.get(name))
    return name if since is not None and modified // 1000 > since else None


def _unchanged(headers: Headers, prefix: str, etag: str, modified: int) -> str | None:
    """Return the name of the header by which the client has this version already, if one says so."""
    name = f"{prefix}If-None-Match"
    if (tags := headers.get(name)) is not None:
        return name if _lists(tags, etag) else None
    name = f"{prefix}If-Modified-Since"
    since = _seconds(headers.get(name))
    return name if since is not None and modified // 1000 <= since else None


def _lists(tags: str, etag: str) -> bool:
    """Whether a list of entity tags contains this one. S3 also accepts them without quotation marks."""
    return any(_tag(text) in ("*", etag) for text in tags.split(","))


def _tag(text: str) -> str:
    return text.strip().removeprefix("W/").strip('"')


def _seconds(text: str | None) -> int | None:
    return None if text is None else parse_http_date(text)


def _precondition_failed(header: str) -> S3Error:
    return S3Error("PreconditionFailed", extra={"Condition": header})


def write_condition(headers: Headers) -> Condition | None:
    """Return the condition of a PUT, a completion, or a DELETE. Conditions unknown to S3: NotImplemented."""
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        if name in headers:
            raise _not_implemented(name)
    match = headers.get("If-Match")
    if (none_match := headers.get("If-None-Match")) is not None:
        if none_match.strip() != "*" or match is not None:
            raise _not_implemented("If-None-Match")
        return Condition("absent")
    if match is None:
        return None
    if "," in match or not (etag := _tag(match)):
        raise _not_implemented("If-Match")
    return Condition("match", etag)


def _not_implemented(header: str) -> S3Error:
    return S3Error("NotImplemented", extra={"Header": header})


def read_span(headers: Headers, etag: str, modified: int, size: int) -> tuple[int, int] | None:
    """Return the span that `Range` requests, subject to `If-Range`; None for the whole object.

    InvalidRange (416) if it is outside of the object, with the `Content-Range` that states the size.
    """
    text = headers.get("Range")
    if text is None or not _in_range(headers.get("If-Range"), etag, modified):
        return None
    found = _RANGE(text.strip(" \t"))
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        if not size and int(found[2]):
            return None  # the last bytes of nothing are all of it
        start, stop = max(size - int(found[2]), 0), size
    else:
        start, stop = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= size:
        raise S3Error(
            "InvalidRange",
            extra={"RangeRequested": text, "ActualObjectSize": str(size)},
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, stop


def _in_range(condition: str | None, etag: str, modified: int) -> bool:
    """Whether `If-Range` allows a range: its ETag or its date must match exactly."""
    if condition is None:
        return True
    return condition.strip().strip('"') == etag or parse_http_date(condition) == modified // 1000


def copy_span(text: str, size: int) -> tuple[int, int]:
    """Return the span in `x-amz-copy-source-range`, which must be within the source. InvalidArgument."""
    found = _COPY_RANGE(text)
    if found is None or int(found[2]) < int(found[1]):
        raise S3Error(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are "
            "the zero-based offsets of the first and last bytes to copy",
        )
    if int(found[2]) >= size:
        raise S3Error("InvalidArgument", f"Range specified is not valid for source object of size: {size}")
    return int(found[1]), int(found[2]) + 1
