"""XML both ways: the three documents that clients send, and the building blocks of answers.

Reading goes straight to expat, with bounds on size, depth, and number of elements, and without any DTD, so
there are no entities to expand. Documents must follow S3's schema: an unknown element is refused
(`MalformedXML`), never skipped, because skipping it would change what was requested.

Writing is string concatenation: a listing of 1,000 keys takes 2 ms. Keys may contain characters that XML 1.0
cannot represent; they are written as character references, as S3 does, which few parsers accept: that is what
`encoding-type=url` is for.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from xml.parsers import expat

from outlast.base.limits import MIB, delete_keys_max, parts_max
from outlast.gateway.s3.checksums import Algorithm, check_value, parse_algorithm
from outlast.gateway.s3.dates import iso_date
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.uri import quote_key
from outlast.providers.protocol import Buffer

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

# 10,000 parts with a SHA-256 each take 1.8 MiB, 1,000 keys of 1,024 bytes 1.1 MiB, escapes aside.
body_bytes_max = 4 * MIB
# 10,000 parts with number, ETag, and a checksum are 40,000 elements.
_ELEMENTS_MAX = 65_536
_DEPTH_MAX = 8


# ---------------------------------------------------------------- writing

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
# In addition to markup: what XML cannot represent, and the line ends that a parser would change.
_SPECIAL = re.compile(r'[&<>"\x00-\x1f\x7f-\x9f\ufffe\uffff]')


def _escape_one(found: re.Match[str]) -> str:
    character = found.group()
    return _ESCAPES.get(character) or f"&#x{ord(character):x};"


def escape(text: str) -> str:
    """Escape text as the content of an element."""
    return _SPECIAL.sub(_escape_one, text)


def element(name: str, value: str | int | bool | None) -> str:
    """`<name>value</name>`, escaped; "" for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        value = "true" if value else "false"
    return f"<{name}>{escape(value) if isinstance(value, str) else value}</{name}>"


def document(root: str, inner: str) -> bytes:
    """Return a document with the root element `root` in S3's namespace around `inner`, which is XML."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">{inner}</{root}>'.encode()


def timestamp(ms: int) -> str:
    """Return milliseconds since the Unix epoch in S3's XML form."""
    return iso_date(ms)


def key_encoder(encoding_type: str | None) -> Callable[[str], str]:
    """Return the encoder for keys in a listing: for XML, or percent-encoded if the client requested `url`."""
    if encoding_type is None:
        return escape
    if encoding_type == "url":
        return quote_key
    raise S3Error(
        "InvalidArgument",
        "Invalid Encoding Method specified in Request",
        extra={"ArgumentName": "encoding-type", "ArgumentValue": encoding_type},
    )


def contents(
    key: str,
    etag: str,
    size: int,
    modified: int,
    algorithm: str = "",
    kind: str = "",
    owner: str = "",
    quote: Callable[[str], str] = escape,
) -> str:
    """One object in a listing. `etag` without quotation marks, `modified` in ms, `owner` is XML or ""."""
    checksum = ""
    if algorithm:
        checksum = f"<ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm><ChecksumType>{kind}</ChecksumType>"
    return (
        f"<Contents><Key>{quote(key)}</Key><LastModified>{iso_date(modified)}</LastModified>"
        f"<ETag>&quot;{etag}&quot;</ETag>{checksum}<Size>{size}</Size>{owner}"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def common_prefix(prefix: str, quote: Callable[[str], str] = escape) -> str:
    """One common prefix in a listing."""
    return f"<CommonPrefixes><Prefix>{quote(prefix)}</Prefix></CommonPrefixes>"


# ---------------------------------------------------------------- reading


class _Element:
    __slots__ = ("children", "name", "texts")

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: list[_Element] = []
        self.texts: list[str] = []

    @property
    def text(self) -> str:
        """Return the text of an element that may only contain text; blanks are kept."""
        if self.children:
            raise S3Error("MalformedXML")
        return "".join(self.texts)

    def fields(self, names: Collection[str]) -> dict[str, "_Element"]:
        """Return the children by name. Each at most once, and only `names`."""
        found: dict[str, _Element] = {}
        for child in self.children:
            if child.name in found or child.name not in names:
                raise S3Error("MalformedXML")
            found[child.name] = child
        if "".join(self.texts).strip():
            raise S3Error("MalformedXML")
        return found


class _Builder:
    """Builds the tree from expat's events, and gives up as soon as a bound is exceeded."""

    def __init__(self) -> None:
        self.root: _Element | None = None
        self._open: list[_Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _ELEMENTS_MAX or len(self._open) >= _DEPTH_MAX:
            raise S3Error("MalformedXML")
        started = _Element(name.rpartition(" ")[2])  # the namespace is ignored, as in S3
        if self._open:
            self._open[-1].children.append(started)
        else:
            self.root = started
        self._open.append(started)

    def end(self, name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        self._open[-1].texts.append(data)

    def refuse(self, *_: object) -> None:
        """Refuse a DTD, which could define entities."""
        raise S3Error("MalformedXML")


def _parse(body: Buffer, root: str) -> _Element:
    if len(body) > body_bytes_max:
        raise S3Error("MaxMessageLengthExceeded")
    builder = _Builder()
    parser = expat.ParserCreate("UTF-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.refuse
    try:
        parser.Parse(bytes(body), True)
    except expat.ExpatError as error:
        raise S3Error("MalformedXML") from error
    if builder.root is None or builder.root.name != root:
        raise S3Error("MalformedXML")
    return builder.root


@dataclass(frozen=True, slots=True)
class DeleteEntry:
    """One object to delete. `conditions` names the elements that make it conditional: ETag, Size, ..."""

    key: str
    version_id: str | None = None
    etag: str | None = None
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """The body of DeleteObjects. `quiet`: return only errors."""

    entries: list[DeleteEntry]
    quiet: bool


_CONDITIONS = ("ETag", "LastModifiedTime", "Size")


def parse_delete(body: Buffer) -> DeleteRequest:
    """Parse the body of DeleteObjects, 1 to 1,000 keys. MalformedXML."""
    entries: list[DeleteEntry] = []
    quiet = False
    for child in _parse(body, "Delete").children:
        if child.name == "Object":
            entries.append(_delete_entry(child))
        elif child.name == "Quiet":
            quiet = _boolean(child.text)
        else:
            raise S3Error("MalformedXML")
    if not 1 <= len(entries) <= delete_keys_max:
        raise S3Error("MalformedXML")
    return DeleteRequest(entries, quiet)


def _delete_entry(found: _Element) -> DeleteEntry:
    fields = found.fields(("Key", "VersionId", *_CONDITIONS))
    if "Key" not in fields or not (key := fields["Key"].text):
        raise S3Error("MalformedXML")
    version_id = fields["VersionId"].text if "VersionId" in fields else None
    etag = _unquoted(fields["ETag"].text) if "ETag" in fields else None
    return DeleteEntry(key, version_id, etag, tuple(name for name in _CONDITIONS if name in fields))


def _boolean(text: str) -> bool:
    if (word := text.strip().lower()) not in ("true", "false"):
        raise S3Error("MalformedXML")
    return word == "true"


def _unquoted(etag: str) -> str:
    return etag.strip().strip('"')


@dataclass(frozen=True, slots=True)
class CompletedPart:
    """A part that a client names on completion. `etag` is without quotation marks."""

    number: int
    etag: str
    checksums: dict[Algorithm, str]


def parse_complete(body: Buffer) -> list[CompletedPart]:
    """Parse the body of CompleteMultipartUpload. MalformedXML, InvalidPartOrder, InvalidArgument (part
    number), InvalidRequest (a malformed checksum), NotImplemented (an algorithm).
    """
    parts: list[CompletedPart] = []
    for child in _parse(body, "CompleteMultipartUpload").children:
        if child.name != "Part":
            raise S3Error("MalformedXML")
        parts.append(_completed_part(child))
        if len(parts) > 1 and parts[-2].number >= parts[-1].number:
            raise S3Error("InvalidPartOrder")
    if not 1 <= len(parts) <= parts_max:
        raise S3Error("MalformedXML")
    return parts


def _completed_part(found: _Element) -> CompletedPart:
    checksums = [child.name for child in found.children if child.name.startswith("Checksum")]
    fields = found.fields(("PartNumber", "ETag", *checksums))
    if "PartNumber" not in fields or "ETag" not in fields:
        raise S3Error("MalformedXML")
    values = {parse_algorithm(name.removeprefix("Checksum")): fields[name].text.strip() for name in checksums}
    for algorithm, value in values.items():
        check_value(algorithm, value)
    return CompletedPart(_part_number(fields["PartNumber"].text), _unquoted(fields["ETag"].text), values)


def _part_number(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise S3Error("MalformedXML")
    if not 1 <= int(text) <= parts_max:
        raise S3Error(
            "InvalidArgument", f"Part number must be an integer between 1 and {parts_max}, inclusive"
        )
    return int(text)


@dataclass(frozen=True, slots=True)
class BucketConfiguration:
    """The body of CreateBucket. `unsupported` names elements that request more than a location."""

    location: str = ""
    unsupported: tuple[str, ...] = ()


def parse_create_bucket(body: Buffer) -> BucketConfiguration:
    """Parse the body of CreateBucket; an empty one requests nothing. MalformedXML."""
    if not body:
        return BucketConfiguration()
    root = _parse(body, "CreateBucketConfiguration")
    fields = root.fields(("LocationConstraint", "Location", "Bucket", "Tags"))
    location = fields.pop("LocationConstraint", None)
    return BucketConfiguration(location.text.strip() if location else "", tuple(sorted(fields)))
