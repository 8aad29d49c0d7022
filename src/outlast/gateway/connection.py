"""One client's connection: aiohttp's, with S3's error answers where HTTP itself goes wrong.

Input that cannot even be parsed is answered in S3's XML too. A client that has finished sending (half-closed)
still gets its answer. A body that breaks off, or whose framing is broken, raises an error at once in the
operation that reads it, instead of leaving it to wait.

The memory that a client can occupy is bounded: by the size of a request's head, by reading no further
than that before the operation reads the body, or while earlier requests wait for their answers, and by the
time that it may be idle. (`call.STALL_S_MAX` bounds the rest; `admission`, how many connections there
are.)
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo

from outlast.base.limits import KIB, MIB
from outlast.gateway.admission import Admission, client_of
from outlast.gateway.memory import ClientMemory, Lease
from outlast.gateway.s3.call import SMALL_ANSWER_BYTES, STALL_S_MAX, XML_TYPE, common_headers
from outlast.gateway.s3.errors import S3Error, render_error

# A key of 1,024 bytes, each percent-encoded, and the parameters of a presigned URL.
LINE_BYTES_MAX = 8 * KIB
HEADERS_MAX = 200
# A request's line and headers together. S3 requests have 8 KB for their headers (`service.HEADER_BYTES_MAX`).
HEAD_BYTES_MAX = 32 * KIB
# How much is read at once before an operation reads the body, and at most while one does.
HEAD_READ_BYTES = 16 * KIB
BODY_READ_BYTES = 256 * KIB
# How much all connections whose bodies are being read may read at once.
ALL_READ_BYTES = 32 * MIB
# Twice this much of a body is buffered if the operation is slower than its client; then the client waits.
READ_AHEAD_BYTES = 16 * KIB
# How long a connection may wait for its next (or first) request.
IDLE_S_MAX = 75.0
# How long a connection that will be refused may take to send the request that is answered.
REFUSED_S_MAX = 5.0
# After an error, the rest of a body is discarded for this long, so that the client sees the answer.
LINGER_S_MAX = 5.0


class Shared(Protocol):
    """What the connections of a server have in common."""

    memory: ClientMemory
    admission: Admission
    takers: int
    """How many are reading the body of a request, and have not reached its end."""
    new_id: Callable[[], str]
    """Returns the ids of requests that never became valid."""


class Connection(RequestHandler):
    """A connection of `manager`."""

    __slots__ = (
        "_answered",
        "_body",
        "_ending",
        "_head_bytes",
        "_held_back",
        "_lost",
        "_shared",
        "address",
        "lease",
        "refused",
        "takes_body",
    )

    def __init__(self, manager: web.Server, shared: Shared, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp documents None, and has it untyped
            auto_decompress=False,  # a body's encoding is part of the object
            keepalive_timeout=IDLE_S_MAX,
            lingering_time=LINGER_S_MAX,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
            max_headers=HEADERS_MAX,
            read_bufsize=READ_AHEAD_BYTES,
        )
        self.address = ""
        """The client or its network."""
        self.refused = False
        """Whether there are too many connections: then a request is only answered with `SlowDown`."""
        self.lease = Lease(shared.memory, self._abort)
        """What the request in progress holds."""
        self._shared = shared
        self._answered = 0
        self._ending = False
        self._lost: asyncio.Future[None] = loop.create_future()
        self._body: StreamReader | None = None  # of the newest request
        self.takes_body = False
        """Whether the newest request's body is being read and has not reached its end."""
        self._head_bytes = 0  # of a head that is not complete
        self._held_back = False  # whether the socket is not read because enough has arrived for now

    @property
    def _idle(self) -> bool:
        """Whether every request that arrived has been answered."""
        return self._answered == self._request_count

    @property
    def idle_since(self) -> float | None:
        """Since when there is nothing to answer (the loop's time); None while there is."""
        return self._next_keepalive_close_time - self._keepalive_timeout if self._idle else None

    def finish(self) -> "asyncio.Future[None]":
        """Close after the request in progress, or now if there is none. Done when it is closed."""
        self._ending = True
        if self._idle:
            self.force_close()
        return self._lost

    def dismiss(self) -> None:
        """Close now, to make room for others: no request is in progress."""
        self.force_close()

    def _abort(self) -> None:
        """Break off, to free memory for others: the client is stalling."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is established. It may be one too many."""
        peer = transport.get_extra_info("peername")
        self.address = client_of(str(peer[0])) if peer else ""
        admitted = self._shared.admission.admit(self)
        self.refused = not admitted
        if self.refused:
            self._keepalive_timeout = REFUSED_S_MAX
        super().connection_made(transport)
        # We buffer what the kernel does not take: write no more until it has.
        cast(asyncio.WriteTransport, transport).set_write_buffer_limits(high=0)
        if admitted is None:
            self._abort()

    # ------------------------------------------------------------ reading

    @property
    def room(self) -> int:
        """How many bytes may be read at once while a body is read; `HEAD_READ_BYTES` otherwise."""
        return max(HEAD_READ_BYTES, min(BODY_READ_BYTES, self.part_of(ALL_READ_BYTES)))

    def part_of(self, total: int) -> int:
        """`total` bytes divided by the connections whose bodies are being read."""
        return total // max(1, self._shared.takers)

    def take_body(self) -> None:
        """Start to read the newest request's body for its operation."""
        if self._body is not None and not self._body.is_eof():
            self._set_taking(True)
            self._let_on()

    def _set_taking(self, takes_body: bool) -> None:
        if takes_body != self.takes_body:
            self.takes_body = takes_body
            self._shared.takers += 1 if takes_body else -1

    def data_received(self, data: bytes) -> None:
        """Receive bytes from the client."""
        known = self._request_count
        super().data_received(data)
        if self._messages:
            message, body = self._messages[-1]
            if isinstance(message, _ErrInfo):
                # aiohttp queues the answer to broken framing behind the request whose body is broken.
                self._break_body("the body's framing is broken")
            else:
                self._body = body
        if self._request_count > known:
            self._head_bytes = 0
            self._set_taking(False)
        elif self._body is None or self._body.is_eof():
            self._count_head(len(data))
        if self._is_ahead():
            self._hold_back()

    def _count_head(self, count: int) -> None:
        """Refuse a head that is too large, as aiohttp refuses a line."""
        self._head_bytes += count
        if self._head_bytes > HEAD_BYTES_MAX and not self._ending:
            self._ending = True
            self._hold_back()
            self._request_count += 1
            error = _ErrInfo(status=400, exc=LineTooLong(b"", HEAD_BYTES_MAX), message="")
            self._messages.append((error, EMPTY_PAYLOAD))
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)

    def _is_ahead(self) -> bool:
        """Whether the client has sent more than can be used now."""
        if len(self._messages) > 1 or (self._messages and self._request_in_progress):
            return True
        body = self._body
        return body is not None and not self.takes_body and body.total_bytes > 0 and not body.is_eof()

    def _hold_back(self) -> None:
        if not self._held_back:
            self._held_back = True
            self._pause_transport_reading()

    def _let_on(self) -> None:
        if self._held_back:
            self._held_back = False
            if not self._reading_paused and not self._buffer_paused:
                self._resume_transport_reading()

    def _resume_transport_reading(self) -> None:
        """aiohttp has room again."""
        if not self._held_back:
            super()._resume_transport_reading()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own type, which aiohttp narrows
        """The client sends no more. True: it may still expect an answer."""
        if self._idle:
            return False
        self._ending = True
        self._break_body("the body is shorter than announced")
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is closed."""
        super().connection_lost(exc)
        self._shared.admission.left(self)
        self._set_taking(False)
        self.lease.end_for_good()
        if not self._idle:
            self._break_body("the connection is lost")
        elif self._body is not None and not self._body.is_eof():
            self._body.feed_eof()  # aiohttp may be waiting for the rest of it, to discard it
        if not self._lost.done():
            self._lost.set_result(None)

    def _break_body(self, message: str) -> None:
        if self._body is not None and not self._body.is_eof():
            self._ending = True
            self._body.set_exception(RequestPayloadError(message))
            # A reader that is just being woken by a chunk's end checks for the end, not for an exception.
            self._body.feed_eof()
            self.lease.stop_waiting(S3Error("IncompleteBody"))

    # ------------------------------------------------------------ answering

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the handler's response. After it, close a connection that accepts no more requests."""
        if self._ending:
            resp.force_close()
        try:
            if (
                isinstance(resp, web.Response)
                and isinstance(resp.body, bytes)
                and len(resp.body) > SMALL_ANSWER_BYTES
            ):
                return await self._finish_large(request, resp, start_time)
            return await super().finish_response(request, resp, start_time)
        finally:
            self._answered += 1
            if isinstance(resp, web.Response):
                resp.body = None  # aiohttp keeps the last response until the next request
            if self.lease.held:
                self.lease.close()
            # Discard the rest of the body.
            self._set_taking(self._body is not None and not self._body.is_eof())
            if self._held_back and not self._messages:
                self._let_on()

    async def _finish_large(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        self.lease.stalls()
        try:
            async with asyncio.timeout(STALL_S_MAX):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError as error:
            self._abort()
            raise ConnectionResetError("the client stopped reading the response") from error

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to invalid HTTP, or to a failure in an answer that had begun."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionResetError("the answer could not be finished") from exc
        error = S3Error("RequestHeaderSectionTooLarge" if isinstance(exc, LineTooLong) else "BadRequest")
        if status >= 500:
            error = S3Error("InternalError")
        id = self._shared.new_id()
        response = web.Response(
            status=error.status,
            headers=common_headers(id) | {"Content-Type": XML_TYPE},
            body=render_error(error, "", id),
        )
        response.force_close()
        return response
