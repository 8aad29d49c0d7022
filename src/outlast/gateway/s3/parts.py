"""The parts of a multipart upload: UploadPart, UploadPartCopy, ListParts."""

from aiohttp import web

from outlast.base.clock import unix_ms
from outlast.base.limits import list_keys_max
from outlast.catalog.records import Body, Checksum, Version
from outlast.catalog.uploads import Part
from outlast.gateway.s3 import parameters, xml
from outlast.gateway.s3.attributes import ENCRYPTION, checksum_headers
from outlast.gateway.s3.buckets import OWNER
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.checksums import element_name, expect, new_digest, parse_algorithm
from outlast.gateway.s3.conditions import copy_span
from outlast.gateway.s3.copy_object import copied
from outlast.gateway.s3.copy_source import copy_source, source_check
from outlast.gateway.s3.errors import S3Error

INITIATOR = OWNER.replace("Owner>", "Initiator>")


async def upload_part(call: S3Call) -> web.StreamResponse:
    """Checksums and Content-MD5 verified. The upload's algorithm is computed if the client names none."""
    number, upload = parameters.part_number(call.query), call.query["uploadId"]
    row = await call.store.upload(call.bucket, call.key, upload)
    algorithm = parse_algorithm(row.algorithm) if row.algorithm else None
    expected = expect(call.headers, call.auth.payload, algorithm)
    if algorithm is not None and expected.algorithm != algorithm:
        raise S3Error(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()},"
            f" actual checksum Type: {str(expected.algorithm).lower()}",
        )

    def check(body: Body) -> Checksum | None:
        expected.check_md5(body.md5)
        return expected.checksum

    source = await call.source(expected)
    etag = await call.store.put_part(call.bucket, call.key, upload, number, source, check=check)
    headers = {"ETag": f'"{etag}"', **checksum_headers(expected.checksum), **ENCRYPTION}
    headers.pop("x-amz-checksum-type", None)
    return call.answer(headers=headers)


async def upload_part_copy(call: S3Call) -> web.StreamResponse:
    """`x-amz-copy-source-range`, `x-amz-copy-source-if-*`. The part shares the source's extents."""
    number, upload = parameters.part_number(call.query), call.query["uploadId"]
    bucket, key = copy_source(call)
    row = await call.store.upload(call.bucket, call.key, upload)
    if row.algorithm:
        return await _copy_checksummed(call, bucket, key, row.algorithm)
    etag, _ = await call.store.copy_part(
        call.bucket, call.key, upload, number, bucket, key, select=lambda version: _span(call, version)
    )
    return call.answer_xml("CopyPartResult", copied(etag, unix_ms(call.clock), None), ENCRYPTION)


def _span(call: S3Call, version: Version) -> tuple[int, int] | None:
    source_check(call)(version)
    text = call.headers.get("x-amz-copy-source-range")
    return None if text is None else copy_span(text, version.size)


async def _copy_checksummed(call: S3Call, bucket: str, key: str, name: str) -> web.StreamResponse:
    """Copy a part that gets a checksum of its own: it has to be read, and is stored again."""
    digest = new_digest(parse_algorithm(name))

    def checksum(body: Body) -> Checksum:
        return Checksum(digest.algorithm, digest.value)

    async with call.store.get(bucket, key, select=lambda version: _span(call, version)) as reading:
        etag = await call.store.put_part(
            call.bucket,
            call.key,
            call.query["uploadId"],
            parameters.part_number(call.query),
            reading,
            digests=[digest],
            check=checksum,
        )
    inner = copied(etag, unix_ms(call.clock), None) + xml.element(
        element_name(digest.algorithm), digest.value
    )
    return call.answer_xml("CopyPartResult", inner, ENCRYPTION)


async def list_parts(call: S3Call) -> web.StreamResponse:
    """`max-parts`, `part-number-marker`."""
    query, upload = call.query, call.query["uploadId"]
    row = await call.store.upload(call.bucket, call.key, upload)
    most = parameters.page_size(query, "max-parts", list_keys_max)
    marker = parameters.number(query, "part-number-marker", 0)
    await call.hold_listing()
    parts = await call.store.parts(call.bucket, call.key, upload, marker, most + 1)
    shown, more = parts[:most], len(parts) > most > 0
    return call.answer_xml(
        "ListPartsResult",
        xml.element("Bucket", call.bucket)
        + xml.element("Key", call.key)
        + xml.element("UploadId", upload)
        + INITIATOR
        + OWNER
        + xml.element("StorageClass", "STANDARD")
        + xml.element("PartNumberMarker", marker)
        + xml.element("NextPartNumberMarker", shown[-1].number if shown else marker)
        + xml.element("MaxParts", most)
        + xml.element("IsTruncated", more)
        + xml.element("ChecksumAlgorithm", row.algorithm or None)
        + xml.element("ChecksumType", row.kind or None)
        + "".join(_part(part) for part in shown),
    )


def _part(part: Part) -> str:
    checksum = part.checksum
    return (
        "<Part>"
        + xml.element("PartNumber", part.number)
        + xml.element("LastModified", xml.timestamp(part.modified))
        + xml.element("ETag", f'"{part.etag}"')
        + xml.element("Size", part.size)
        + ("" if checksum is None else xml.element(element_name(checksum.algorithm), checksum.value))
        + "</Part>"
    )
