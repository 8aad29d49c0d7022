"""PutObject: one object in one request."""

from aiohttp import web

from outlast.catalog.records import Body, Checksum
from outlast.gateway.s3.attributes import ENCRYPTION, checksum_headers, read_attributes
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.checksums import expect
from outlast.gateway.s3.conditions import write_condition
from outlast.gateway.s3.parameters import argument_error


async def put_object(call: S3Call) -> web.StreamResponse:
    """Checksums and Content-MD5 verified; `If-None-Match: *`, `If-Match`. Up to 5 GiB."""
    if "partNumber" in call.query:  # a part without its upload must not become the object
        raise argument_error("partNumber", call.query["partNumber"], "A part needs an uploadId.")
    headers = call.headers
    expected = expect(headers, call.auth.payload)
    attributes = read_attributes(headers)
    condition = write_condition(headers)

    def check(body: Body) -> Checksum | None:
        expected.check_md5(body.md5)
        return expected.checksum

    source = await call.source(expected)
    version = await call.store.put(
        call.bucket, call.key, source, attributes, check=check, condition=condition
    )
    answer_headers = {"ETag": f'"{version.etag}"', **ENCRYPTION}
    if version.checksum is not None:
        answer_headers.update(checksum_headers(version.checksum))
    return call.answer(headers=answer_headers)
