"""The life of a multipart upload: CreateMultipartUpload, CompleteMultipartUpload, AbortMultipartUpload."""

import hashlib
from collections.abc import Sequence
from urllib.parse import quote

from aiohttp import web

from outlast.base.errors import NoSuchKey, NoSuchUpload
from outlast.base.limits import parts_max
from outlast.catalog.records import Checksum, Version
from outlast.catalog.uploads import Part, Upload
from outlast.gateway.s3 import xml
from outlast.gateway.s3.attributes import ENCRYPTION, read_attributes
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.checksums import (
    check_value,
    checksum_headers,
    composite,
    element_name,
    full_object,
    multipart_kind,
    parse_algorithm,
    parse_kind,
)
from outlast.gateway.s3.conditions import write_condition
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.xml import CompletedPart


async def create_multipart_upload(call: S3Call) -> web.StreamResponse:
    """Content headers and metadata; `x-amz-checksum-algorithm`, `x-amz-checksum-type`."""
    headers = call.headers
    asked = headers.get("x-amz-checksum-algorithm")
    wanted = headers.get("x-amz-checksum-type")
    algorithm = "" if asked is None else parse_algorithm(asked)
    kind = "" if wanted is None else parse_kind(wanted)
    if algorithm:
        kind = multipart_kind(algorithm, kind)
    elif kind:
        raise S3Error(
            "InvalidRequest",
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
        )
    upload = await call.store.create_upload(call.bucket, call.key, read_attributes(headers), algorithm, kind)
    answer_headers = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind} if algorithm else {}
    return call.answer_xml(
        "InitiateMultipartUploadResult",
        xml.element("Bucket", call.bucket) + xml.element("Key", call.key) + xml.element("UploadId", upload),
        answer_headers | ENCRYPTION,
    )


async def abort_multipart_upload(call: S3Call) -> web.StreamResponse:
    """The parts are deleted at once."""
    await call.store.abort_upload(call.bucket, call.key, call.query["uploadId"])
    return call.answer(204)


async def complete_multipart_upload(call: S3Call) -> web.StreamResponse:
    """Checksums per part and of the object, `x-amz-mp-object-size`, `If-None-Match: *`, `If-Match`."""
    named = xml.parse_complete(await call.document(checksummed=False))
    condition = write_condition(call.headers)
    upload = call.query["uploadId"]
    try:
        checksum = await _checksum(call, await call.store.upload(call.bucket, call.key, upload), named)
        version = await call.store.complete_upload(
            call.bucket,
            call.key,
            upload,
            [(part.number, part.etag) for part in named],
            checksum=checksum,
            condition=condition,
        )
    except NoSuchUpload:
        version = await _completed_before(call, named)
    return call.answer_xml("CompleteMultipartUploadResult", _completed(call, version), ENCRYPTION)


def _completed(call: S3Call, version: Version) -> str:
    host = call.headers.get("Host", "")
    inner = (
        xml.element("Location", f"http://{host}{quote(f'/{call.bucket}/{call.key}')}")
        + xml.element("Bucket", call.bucket)
        + xml.element("Key", call.key)
        + xml.element("ETag", f'"{version.etag}"')
    )
    if version.checksum is not None:
        inner += xml.element(element_name(version.checksum.algorithm), version.checksum.value)
        inner += xml.element("ChecksumType", version.checksum.kind)
    return inner


async def _completed_before(call: S3Call, named: Sequence[CompletedPart]) -> Version:
    """Return the object if these parts made it: the first answer was lost, and this is a retry."""
    try:
        version = await call.store.head(call.bucket, call.key)
        joined = b"".join(bytes.fromhex(part.etag) for part in named)
    except (NoSuchKey, ValueError) as error:
        raise S3Error("NoSuchUpload") from error
    if version.etag != f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(named)}":
        raise S3Error("NoSuchUpload")
    return version


async def _checksum(call: S3Call, upload: Upload, named: Sequence[CompletedPart]) -> Checksum | None:
    """Combine the parts' checksums into the object's; compare both with what the client sent."""
    _check_asked(call, upload)
    _check_named(upload, named)
    parts = await _parts(call, named)
    _check_size(call, parts)
    if not upload.algorithm:
        return None
    asked = checksum_headers(call.headers)
    algorithm = parse_algorithm(upload.algorithm)
    sums = [(part.checksum.value, part.size) for part in parts if part.checksum is not None]
    if len(sums) != len(parts):
        raise S3Error("InvalidPart")
    kind = parse_kind(upload.kind)
    if kind == "FULL_OBJECT":
        value = full_object(algorithm, sums)
    else:
        value = composite(algorithm, [value for value, _ in sums])
    if asked is not None and asked != (algorithm, value):
        raise S3Error("BadDigest")
    return Checksum(algorithm, value, kind)


def _check_asked(call: S3Call, upload: Upload) -> None:
    """Check that the headers about the object fit this upload. `InvalidRequest`."""
    asked = checksum_headers(call.headers)
    wanted = call.headers.get("x-amz-checksum-type")
    kind = "" if wanted is None else parse_kind(wanted)
    if (asked is not None or kind) and not upload.algorithm:
        raise S3Error("InvalidRequest", "The upload was created without a checksum algorithm.")
    if kind not in ("", upload.kind):
        raise S3Error("InvalidRequest", f"The upload was created with the checksum type {upload.kind}.")
    if asked is not None:
        check_value(asked[0], asked[1].partition("-")[0] if upload.kind == "COMPOSITE" else asked[1])


def _check_named(upload: Upload, named: Sequence[CompletedPart]) -> None:
    """Require each part's checksum from the client, if the object's is a hash of them. `InvalidRequest`."""
    if upload.kind != "COMPOSITE":
        return
    for part in named:
        if not part.checksums:
            raise S3Error(
                "InvalidRequest",
                f"The upload was created using a {upload.algorithm.lower()} checksum. The complete request"
                " must include the checksum for each part. It was missing for part"
                f" {part.number} in the request.",
            )


async def _parts(call: S3Call, named: Sequence[CompletedPart]) -> list[Part]:
    """Return the stored parts. `InvalidPart` if one is missing or differs from what the client sent."""
    rows = await call.store.parts(call.bucket, call.key, call.query["uploadId"], 0, parts_max)
    stored = {row.number: row for row in rows}
    found: list[Part] = []
    for part in named:
        row = stored.get(part.number)
        if row is None or row.etag != part.etag:
            raise S3Error("InvalidPart", extra={"PartNumber": str(part.number), "ETag": part.etag})
        for algorithm, value in part.checksums.items():
            if row.checksum is None or (row.checksum.algorithm, row.checksum.value) != (algorithm, value):
                raise S3Error("InvalidPart", extra={"PartNumber": str(part.number), "ETag": part.etag})
        found.append(row)
    return found


def _check_size(call: S3Call, parts: Sequence[Part]) -> None:
    size = call.headers.get("x-amz-mp-object-size")
    if size is not None and size != str(sum(part.size for part in parts)):
        raise S3Error("InvalidRequest", "The x-amz-mp-object-size header does not match the parts' sizes.")
