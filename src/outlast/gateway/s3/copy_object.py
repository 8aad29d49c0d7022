"""CopyObject: another name for the same extents.

Only the catalog is read and written, unless the client requests a checksum that the source does not have:
then the source has to be read, and is stored again with it.
"""

from aiohttp import web

from outlast.catalog.records import Attributes, Body, Checksum, Version
from outlast.gateway.s3 import xml
from outlast.gateway.s3.attributes import ENCRYPTION, read_attributes
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.checksums import Algorithm, element_name, new_digest, parse_algorithm
from outlast.gateway.s3.conditions import write_condition
from outlast.gateway.s3.copy_source import copy_source, source_check
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.parameters import argument_error

# What turns a copy of an object onto itself into a change, though all accepted values hold already.
_CHANGES = ("x-amz-storage-class", "x-amz-server-side-encryption")


class _OtherChecksum(Exception):
    """The source does not have the requested checksum."""


async def copy_object(call: S3Call) -> web.StreamResponse:
    """`x-amz-metadata-directive`, `x-amz-copy-source-if-*`, `If-None-Match: *`, `If-Match`; any size."""
    bucket, key = copy_source(call)
    attributes = _attributes(call)
    itself = (bucket, key) == (call.bucket, call.key)
    if itself and attributes is None and not any(name in call.headers for name in _CHANGES):
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing"
            " the object's metadata, storage class, website redirect location or encryption attributes.",
        )
    asked = call.headers.get("x-amz-checksum-algorithm")
    algorithm = None if asked is None else parse_algorithm(asked)
    try:
        version = await _share(call, bucket, key, attributes, algorithm)
    except _OtherChecksum:
        assert algorithm is not None
        version = await _rewrite(call, bucket, key, attributes, algorithm)
    inner = copied(version.etag, version.modified, version.checksum)
    return call.answer_xml("CopyObjectResult", inner, ENCRYPTION)


def copied(etag: str, modified: int, checksum: Checksum | None) -> str:
    """Return the XML that describes a copy in the answer."""
    inner = xml.element("LastModified", xml.timestamp(modified)) + xml.element("ETag", f'"{etag}"')
    if checksum is not None:
        inner += xml.element(element_name(checksum.algorithm), checksum.value)
        inner += xml.element("ChecksumType", checksum.kind)
    return inner


def _attributes(call: S3Call) -> Attributes | None:
    """Return the new attributes; None to keep the source's."""
    directive = call.headers.get("x-amz-metadata-directive", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise argument_error("x-amz-metadata-directive", directive, "Unknown metadata directive.")
    return read_attributes(call.headers) if directive == "REPLACE" else None


async def _share(
    call: S3Call, bucket: str, key: str, attributes: Attributes | None, algorithm: Algorithm | None
) -> Version:
    check_source = source_check(call)

    def check(version: Version) -> None:
        check_source(version)
        has = version.checksum
        if algorithm is not None and (has is None or has.algorithm != algorithm):
            raise _OtherChecksum

    return await call.store.copy(
        bucket,
        key,
        call.bucket,
        call.key,
        attributes,
        condition=write_condition(call.headers),
        check=check,
    )


async def _rewrite(
    call: S3Call, bucket: str, key: str, attributes: Attributes | None, algorithm: Algorithm
) -> Version:
    check_source = source_check(call)
    digest = new_digest(algorithm)

    def checksum(body: Body) -> Checksum:
        return Checksum(algorithm, digest.value)

    async with call.store.get(bucket, key, select=check_source) as reading:
        return await call.store.put(
            call.bucket,
            call.key,
            reading,
            reading.version.attributes if attributes is None else attributes,
            digests=[digest],
            check=checksum,
            condition=write_condition(call.headers),
        )
