"""GetObject and HeadObject: an object, a range of it, or a part; and its attributes.

The response's length is promised before the first byte. If reading fails after that, the connection is cut:
a client must never take a part for the whole object. One block owns the reading, from before anything is
fetched to the end of the response, so that nothing of it is left however it ends.
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from outlast.base.errors import InvalidPart
from outlast.base.limits import inline_bytes_max
from outlast.catalog.records import Version
from outlast.gateway.s3 import parameters
from outlast.gateway.s3.attributes import override, version_headers
from outlast.gateway.s3.call import STALL_S_MAX, S3Call, common_headers
from outlast.gateway.s3.conditions import check_read, read_span
from outlast.gateway.s3.errors import S3Error
from outlast.providers.protocol import Buffer
from outlast.store import Reading, part_span


class BodyCutError(ConnectionError):
    """A response that has begun could not be finished. The connection is closed."""


def _select(call: S3Call, version: Version) -> tuple[int, int] | None:
    """Return the requested span; None for all. Raises if a condition, the range, or the part is wrong."""
    call.check_key()
    headers = call.headers
    check_read(headers, version.etag, version.modified)
    if "partNumber" in call.query:
        return _select_part(call, version)
    if "Range" in headers:
        return read_span(headers, version.etag, version.modified, version.size)
    return None


def _select_part(call: S3Call, version: Version) -> tuple[int, int]:
    if "Range" in call.headers:
        raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    try:
        return part_span(version, parameters.part_number(call.query))
    except InvalidPart as error:
        raise S3Error("InvalidPartNumber") from error


def _headers(call: S3Call, version: Version, span: tuple[int, int] | None) -> dict[str, str]:
    """Return the response's headers. A checksum comes only with the whole object: it is not a part's."""
    whole = span is None or span == (0, version.size)
    checksum = whole and call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    headers = version_headers(version, checksum=checksum)
    if call.query:
        override(headers, call.query)
        if "partNumber" in call.query and version.parts:
            headers["x-amz-mp-parts-count"] = str(len(version.parts))
    start, stop = span or (0, version.size)
    headers["Content-Length"] = str(stop - start)
    if span is not None and stop > start:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{version.size}"
    return headers


async def head_object(call: S3Call) -> web.StreamResponse:
    """As GetObject, without the body."""
    version = await call.store.head(call.bucket, call.key)
    span = _select(call, version)
    return call.answer(_status(span), _headers(call, version, span))


async def get_object(call: S3Call) -> web.StreamResponse:
    """Ranges, `partNumber`, `If-*` conditions, `response-*` overrides, `x-amz-checksum-mode`."""
    status, headers = 200, {}

    def select(version: Version) -> tuple[int, int] | None:
        """Refuse what there is to refuse before anything is fetched."""
        nonlocal status, headers
        span = _select(call, version)
        status, headers = _status(span), _headers(call, version, span)
        return span

    async with call.store.get(call.bucket, call.key, select=select) as reading:
        if reading.data is None:
            return await _stream(call, reading, status, headers)
        if call.can_answer(reading.data):
            return call.answer(status, headers, reading.data)
    # There is no memory to keep a small object until the client has read it. Wait for memory without the
    # object in hand, or the waiting requests would hold what they wait for.
    await call.hold_answer(inline_bytes_max)
    async with call.store.get(call.bucket, call.key, select=select) as reading:
        if reading.data is None:  # it was overwritten in between
            return await _stream(call, reading, status, headers)
        return call.answer(status, headers, reading.data)


def _status(span: tuple[int, int] | None) -> int:
    return 200 if span is None else 206


async def _stream(
    call: S3Call, reading: Reading, status: int, headers: Mapping[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={**common_headers(call.id), **headers})
    await response.prepare(call.request)
    left = reading.stop - reading.start
    try:
        async for piece in reading:
            left -= len(piece)
            await _send(call, response, piece)
            del piece  # not kept while waiting for the next
        if left:
            raise BodyCutError(f"{left} bytes are missing")
        await response.write_eof()
    except BaseException as error:
        # Whatever the error is, only a broken connection can report it now.
        if (transport := call.request.transport) is not None:
            transport.abort()
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            raise BodyCutError(f"{type(error).__name__}: {error}") from error
        raise
    return response


async def _send(call: S3Call, response: web.StreamResponse, piece: Buffer) -> None:
    try:
        async with asyncio.timeout(STALL_S_MAX):
            await response.write(piece)
    except TimeoutError as error:
        raise ConnectionResetError("the client stopped reading the response") from error
    call.sent += len(piece)
