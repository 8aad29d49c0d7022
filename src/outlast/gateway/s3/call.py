"""One S3 request in progress: its target, its client, its body, and its answer.

An operation is a function from an `S3Call` to a response. Everything that all operations need is here, so
that they contain nothing but S3's rules for them. By the time that an operation runs, the request has been
authenticated and authorized; only then is its body read, and only then does a client that waits
(`Expect: 100-continue`) get permission to send it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Protocol, cast

from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError
from multidict import CIMultiDictProxy

from outlast.base.clock import Clock
from outlast.base.limits import KIB, MIB, inline_bytes_max, put_bytes_max
from outlast.gateway.s3 import xml
from outlast.gateway.s3.checksums import Expected, expect
from outlast.gateway.s3.errors import S3Error, busy
from outlast.gateway.s3.payload import decode_payload, decode_whole
from outlast.gateway.s3.signature import Auth, unknown_key
from outlast.gateway.s3.uri import Query
from outlast.store import AccessKey, Source, Store

# How long a client may send or read nothing before the gateway gives up.
STALL_S_MAX = 60.0
# A body up to this size is read in full before it is decoded: an inline object with its chunks' framing.
WHOLE_BYTES_MAX = inline_bytes_max + 8 * KIB

# Memory per byte of a small object while it waits for the log: itself, and its record.
SMALL_BODY_FACTOR = 2
# Memory per byte of a document while it is processed: its elements as objects, and its record.
DOCUMENT_FACTOR = 10
# The approximate memory of a page of a listing; larger ones are counted when they are there.
LISTING_BYTES = 1 * MIB
# An answer up to this size counts as part of its connection's own memory.
SMALL_ANSWER_BYTES = 64 * KIB
# What all bodies in progress together may keep for hashing.
ALL_HASHING_BYTES = 32 * MIB

XML_TYPE = "application/xml"


class MemoryLease(Protocol):
    """What a request holds in memory, as an operation sees it. See `gateway.memory`."""

    def take_now(self, count: int) -> bool: ...

    async def take(self, count: int) -> None: ...

    def resize_now(self, count: int) -> bool: ...

    def stalls(self) -> None: ...

    def goes_on(self) -> None: ...


class ClientConnection(Protocol):
    """The request's connection, as an operation sees it."""

    lease: MemoryLease

    def take_body(self) -> None:
        """Start to read the body."""
        ...

    def part_of(self, total: int) -> int:
        """`total` bytes divided by the connections whose bodies are being read."""
        ...


class S3Call:
    """A request. `key` is "" unless it is about an object, `bucket` too if it is about the service."""

    __slots__ = ("auth", "bucket", "clock", "headers", "id", "key", "query", "request", "sent", "store")

    def __init__(
        self,
        store: Store,
        clock: Clock,
        request: web.BaseRequest,
        id: str,
        bucket: str,
        key: str,
        query: Query,
    ) -> None:
        self.store = store
        self.clock = clock
        self.request = request
        self.headers: CIMultiDictProxy[str] = request.headers
        self.id = id
        self.bucket = bucket
        self.key = key
        self.query = query
        self.sent = 0
        """Bytes of a body that have been sent as a stream."""
        self.auth: Auth[AccessKey]

    @property
    def _connection(self) -> ClientConnection:
        return cast(ClientConnection, self.request.protocol)

    async def hold_listing(self) -> None:
        """Hold memory for a page of a listing. Raises `SlowDown`."""
        await self._hold(LISTING_BYTES)

    async def hold_answer(self, count: int) -> None:
        """Hold memory for an answer of `count` bytes before it is read. Raises `SlowDown`."""
        await self._hold(count)

    @property
    def is_authenticated(self) -> bool:
        """Whether its signature has been verified: its sender holds an access key."""
        return hasattr(self, "auth")

    def check_key(self) -> None:
        """Raise `InvalidAccessKeyId` if the access key was found to be deleted since the request arrived."""
        key = self.auth.access_key.id
        if not self.store.knows_access_key(key):
            raise unknown_key(key)

    # ------------------------------------------------------------ the body

    async def source(self, expected: Expected) -> Source:
        """Return the body as it is to be stored: `bytes` if it is small, otherwise a stream.

        What `expected` promises is verified at the stream's end at the latest, except for the MD5.
        """
        length = self.request.content_length
        if length is not None and length <= WHOLE_BYTES_MAX:
            await self._hold(SMALL_BODY_FACTOR * length)
            body = await self._whole()
            return decode_whole(body, self.auth.payload, self.headers, expected).data
        stream = decode_payload(
            self._chunks(), self.auth.payload, self.headers, expected, self._hashing_bytes
        )
        if stream.length > put_bytes_max:
            raise S3Error("EntityTooLarge")
        if stream.length <= inline_bytes_max:
            await self._hold(SMALL_BODY_FACTOR * stream.length)
        return stream

    async def _hold(self, count: int) -> None:
        """Hold memory for `count` bytes. Raises `SlowDown`; ConnectionResetError if the client has left."""
        lease = self._connection.lease
        if count and not lease.take_now(count):  # the usual case needs no coroutine
            await lease.take(count)

    def _hashing_bytes(self) -> int:
        """How much of a body may wait to be hashed."""
        return self._connection.part_of(ALL_HASHING_BYTES)

    async def document(self, *, checksummed: bool = True) -> bytes:
        """Return the XML body of a request, verified against its signature and checksums.

        `checksummed` False: the checksum in the headers is not the body's, but of the object in question.
        """
        length = self.request.content_length
        if length is None and "transfer-encoding" not in self.headers:
            length = 0
        if length is None:
            raise S3Error("MissingContentLength")
        if length > xml.body_bytes_max:
            raise S3Error("MaxMessageLengthExceeded")
        expected = expect(self.headers, self.auth.payload) if checksummed else None
        await self._hold(length * DOCUMENT_FACTOR)
        body = await self._whole()
        data = decode_whole(body, self.auth.payload, self.headers, expected).data
        if expected is not None and expected.md5 is not None:
            expected.check_md5(hashlib.md5(data, usedforsecurity=False).digest())
        return data

    async def _whole(self) -> bytes:
        content = self.request.content
        if content.is_eof() and content.exception() is None:
            # The usual small request: its body came in the same segment as its headers. A client that waits
            # gets permission to continue even without a body: otherwise the AWS CLI confuses connections.
            self._continue()
            return content.read_nowait()
        return b"".join([chunk async for chunk in self._chunks()])

    async def _chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as the client sends it. An empty chunk: more has to be waited for."""
        self._continue()
        content = self.request.content
        lease = self._connection.lease
        lease.stalls()  # for the whole body: a byte now and then is no reason to keep memory
        try:
            while True:
                chunk = content.read_nowait()
                if not chunk and not content.at_eof():
                    yield b""
                    async with asyncio.timeout(STALL_S_MAX):
                        chunk = await content.readany()
                if not chunk:
                    break
                yield chunk
        except TimeoutError as error:
            raise S3Error("RequestTimeout") from error
        except (RequestPayloadError, OSError, RuntimeError) as error:
            # aiohttp's reader raises a RuntimeError for a connection that is closed.
            raise S3Error("IncompleteBody") from error
        finally:
            lease.goes_on()
        if content.exception() is not None:
            raise S3Error("IncompleteBody")

    def _continue(self) -> None:
        """Start to read the body, and let a client that waits send it."""
        self._connection.take_body()
        transport = self.request.transport
        if transport is not None and self.headers.get("Expect", "").lower() == "100-continue":
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # ------------------------------------------------------------ the answer

    def can_answer(self, body: bytes) -> bool:
        """Whether there is memory for such an answer; if so, it is held."""
        return len(body) <= SMALL_ANSWER_BYTES or self._connection.lease.resize_now(len(body))

    def answer(
        self, status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> web.Response:
        """Return a complete response. Raises `SlowDown` if there is no memory to hold it until it is sent."""
        if not self.can_answer(body):
            raise busy("The gateway has no memory left for this answer.")
        all_headers = common_headers(self.id)
        if headers:
            all_headers.update(headers)
        return web.Response(status=status, headers=all_headers, body=body)

    def answer_xml(self, root: str, inner: str, headers: Mapping[str, str] | None = None) -> web.Response:
        """Return a response of one XML document with the root element `root`."""
        return self.answer(200, {"Content-Type": XML_TYPE, **(headers or {})}, xml.document(root, inner))


def common_headers(id: str) -> dict[str, str]:
    """Return the headers that every response has."""
    return {"Server": "Outlast", "x-amz-request-id": id}
