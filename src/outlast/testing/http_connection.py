"""One HTTP/1.1 connection of a test client: one request at a time, bodies received without extra copies.

Intuition: asyncio asks a `BufferedProtocol` where to put the next bytes. While a head is awaited that is a
small buffer; once the body's length is known it is the body's own memory, so that a large body is copied
once, by the kernel. A body for a `Sink` passes through the small buffer.

It supports what a gateway sends: a status, headers, a body with `content-length` or in chunks. It is not a
general HTTP client: no trailers, no upgrades, no pipelining.
"""

import asyncio
from collections.abc import AsyncIterable, Callable
from typing import TypeAlias, cast

Sink: TypeAlias = Callable[[memoryview], float | None]
"""Takes a piece of a body and returns how many seconds to wait before reading more (a slow client)."""

buffer_bytes = 256 << 10
# How much is written at once: large enough for few system calls, small enough to notice an early answer.
write_bytes = 1 << 20


class NoAnswer(ConnectionError):
    """The connection was refused or broke, or the time was up, before the answer was complete."""


class Response:
    """Status, headers, and the body unless it went to a sink."""

    __slots__ = ("_head", "body", "status")

    def __init__(self, status: int, head: bytes, body: bytes | bytearray) -> None:
        self.status = status
        self.body = body
        self._head = head

    def header(self, name: str) -> str | None:
        """The header's value; `name` in lower case."""
        start = self._head.lower().find(b"\r\n" + name.encode() + b":")
        if start < 0:
            return None
        start += len(name) + 3
        return self._head[start : self._head.find(b"\r\n", start)].decode("latin-1").strip()

    @property
    def etag(self) -> str:
        """The ETag without quotation marks; "" if there is none."""
        return (self.header("etag") or "").strip('"')

    @property
    def code(self) -> str:
        """The S3 error code in the body; "" if there is none."""
        return _between(self.body, b"<Code>", b"</Code>").decode()

    def __repr__(self) -> str:
        return f"Response({self.status}, {self.code or len(self.body)})"


def _between(text: bytes | bytearray, before: bytes, after: bytes) -> bytes:
    start = text.find(before)
    end = text.find(after, start)
    return bytes(text[start + len(before) : end]) if start >= 0 and end >= 0 else b""


class HttpConnection(asyncio.BufferedProtocol):
    """A connection, in use by one exchange or idle. `reusable` says whether it can take another."""

    def __init__(self) -> None:
        self.reusable = True
        self._transport: asyncio.Transport | None = None
        self._writable: asyncio.Event = asyncio.Event()
        self._writable.set()
        self._buffer = memoryview(bytearray(buffer_bytes))
        self._answer: asyncio.Future[Response] | None = None
        self._begin("", None)

    async def exchange(
        self,
        method: str,
        head: bytes,
        body: bytes | bytearray | memoryview | AsyncIterable[bytes],
        sink: Sink | None,
    ) -> Response:
        """Send the request and wait for the complete answer. Giving up on either closes the connection."""
        assert self._transport is not None and self.reusable
        self.reusable = False
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._begin(method, sink)
        try:
            whole = await self._send(self._transport, head, body)
            response = await answer
            self.reusable = whole and not self._closing
            return response
        finally:
            self._answer = None
            if not self.reusable:
                self.close()

    def close(self) -> None:
        """Drop the connection."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # -- sending

    async def _send(
        self,
        transport: asyncio.Transport,
        head: bytes,
        body: bytes | bytearray | memoryview | AsyncIterable[bytes],
    ) -> bool:
        """Return whether all was sent: an answer that comes in the middle (a refusal) stops it."""
        if isinstance(body, bytes) and len(body) <= 64 << 10:
            transport.write(head + body)
            return True
        transport.write(head)
        if isinstance(body, bytes | bytearray | memoryview):
            view = memoryview(body)
            for start in range(0, len(view), write_bytes):
                if not await self._write(transport, view[start : start + write_bytes]):
                    return False
        else:
            async for chunk in body:
                if not await self._write(transport, chunk):
                    return False
        return True

    async def _write(self, transport: asyncio.Transport, data: bytes | memoryview) -> bool:
        if not self._writable.is_set():
            await self._writable.wait()
        if self._answer is None or self._answer.done():
            return False
        transport.write(data)
        return True

    # -- receiving

    def _begin(self, method: str, sink: Sink | None) -> None:
        self._method = method
        self._sink = sink
        self._closing = False
        self._head = b""
        self._pending = bytearray()
        self._status = 0
        self._body = bytearray()
        self._filled = 0
        self._left = 0
        self._chunks: _Chunks | None = None

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._head and self._sink is None and self._chunks is None and self._left > 0:
            return memoryview(self._body)[self._filled :]
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._head and self._sink is None and self._chunks is None and self._left > 0:
            self._filled += nbytes
            self._left -= nbytes
            if self._left == 0:
                self._finish()
            return
        self._take(self._buffer[:nbytes])

    def _take(self, data: memoryview) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # an unrequested answer
            return
        try:
            if not self._head:
                data = self._take_head(data)
            if self._head and self._take_body(data):
                self._finish()
        except ValueError as error:
            self._fail(f"not HTTP: {error}")

    def _take_head(self, data: memoryview) -> memoryview:
        """Collect the head; return what follows it. A 1xx head is skipped."""
        self._pending += data
        end = self._pending.find(b"\r\n\r\n")
        if end < 0:
            return data[:0]
        head, rest = bytes(self._pending[: end + 2]), memoryview(bytes(self._pending[end + 4 :]))
        self._pending = bytearray()
        status = int(head[9:12])
        if status < 200:
            return self._take_head(rest)
        self._head, self._status = head, status
        if status >= 300:
            self._sink = None
        self._expect_body(Response(status, head, b""))
        return rest

    def _expect_body(self, answer: Response) -> None:
        self._closing = (answer.header("connection") or "").lower() == "close"
        if self._method == "HEAD" or self._status in (204, 304):
            return
        if (answer.header("transfer-encoding") or "").lower() == "chunked":
            self._chunks = _Chunks()
            return
        self._left = int(answer.header("content-length") or 0)
        if self._sink is None:
            self._body = bytearray(self._left)

    def _take_body(self, data: memoryview) -> bool:
        """Return whether the body is complete."""
        if self._chunks is not None:
            return self._chunks.take(data, self._deliver)
        if len(data) > self._left:
            raise ValueError("more than the content-length")
        self._left -= len(data)
        if self._sink is not None:
            self._deliver(data)
        elif len(data):
            self._body[self._filled : self._filled + len(data)] = data
            self._filled += len(data)
        return self._left == 0

    def _deliver(self, data: memoryview) -> None:
        if self._sink is None:
            self._body += data
            return
        wait_s = self._sink(data) if len(data) else None
        if wait_s and self._transport is not None:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(wait_s, self._read_on)

    def _read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Response(self._status, self._head, self._body))

    def _fail(self, reason: str) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswer(reason))

    # -- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without declaring it

    def connection_lost(self, error: Exception | None) -> None:
        self._writable.set()
        self._fail(str(error) if error else "the connection was closed")

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()


class _Chunks:
    """Parses the framing of `transfer-encoding: chunked` as it arrives."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._left = 0
        self._last = False

    def take(self, data: memoryview, deliver: Callable[[memoryview], None]) -> bool:
        """Return whether the last chunk has been seen."""
        while len(data):
            if self._left > 0:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                deliver(piece)
                continue
            byte, data = data[:1], data[1:]
            self._line += byte
            if self._line.endswith(b"\n") and self._take_line(self._line.strip()):
                return True
        return False

    def _take_line(self, line: bytearray) -> bool:
        self._line = bytearray()
        if not line:
            return self._last
        self._left = int(line.split(b";")[0], 16)
        self._last = self._left == 0
        return False
