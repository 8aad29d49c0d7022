"""One client's connection: aiohttp's, with S3's manners where HTTP itself goes wrong.

What cannot even be parsed is answered in S3's XML too. A client that has finished sending (half-closed)
still gets its answer. A body that breaks off, or whose framing is broken, reaches the operation that reads
it at once as an error, instead of leaving it to wait.

What a client can make a connection hold is bounded: the sizes of request lines and headers, the bytes of a
body not yet asked for, and the time that it may do nothing. (`call.STALL_S_MAX` bounds the rest.)
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo

from outlast.base.limits import KIB
from outlast.gateway.s3.call import XML_TYPE, told_always
from outlast.gateway.s3.errors import S3Error, render_error

# A key of 1,024 bytes, each percent-encoded, and the parameters of a presigned URL.
LINE_BYTES_MAX = 8 * KIB
HEADERS_MAX = 200
# Twice this much of a body is taken before it is asked for; then the client has to wait.
READ_AHEAD_BYTES = 256 * KIB
# A connection may wait so long for its next (or first) request.
IDLE_S_MAX = 75.0
# After an error, the rest of a body is read and thrown away for so long, that the client sees the answer.
LINGER_S_MAX = 5.0


class Connection(RequestHandler):
    """A connection of `Connections`."""

    __slots__ = ("_half_closed", "_new_id")

    def __init__(self, manager: "Connections", loop: asyncio.AbstractEventLoop) -> None:
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
        self._half_closed = False
        self._new_id = manager.new_id

    @property
    def idle(self) -> bool:
        """Whether it waits for a request."""
        return self._current_request is None and not self._messages

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        super().data_received(data)
        # Broken framing in the middle of a body: aiohttp queues the answer to that behind the request whose
        # body it is, which would wait for the rest of it.
        if self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            self._break_body("the body's framing is broken")

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own type, which aiohttp narrows
        """The client sends no more. True: it may still want an answer."""
        if self.idle:
            return False
        self._half_closed = True
        self._break_body("the body is shorter than announced")
        return True

    def _break_body(self, message: str) -> None:
        request = self._current_request
        if request is not None and not request.content.is_eof():
            request.content.set_exception(RequestPayloadError(message))

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send what the handler gave. After a half-closed client's answer there is nothing to wait for."""
        if self._half_closed:
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no HTTP, or when an answer that had begun could not be finished."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionResetError("the answer could not be finished") from exc
        error = S3Error("RequestHeaderSectionTooLarge" if isinstance(exc, LineTooLong) else "BadRequest")
        if status >= 500:
            error = S3Error("InternalError")
        id = self._new_id()
        response = web.Response(
            status=error.status,
            headers=told_always(id) | {"Content-Type": XML_TYPE},
            body=render_error(error, "", id),
        )
        response.force_close()
        return response


class Connections(web.Server):
    """The connections of one server. `new_id` gives the ids of requests that never became one."""

    def __init__(
        self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], new_id: Callable[[], str]
    ) -> None:
        super().__init__(handler)
        self.new_id = new_id

    def __call__(self) -> Connection:
        """A new connection: the protocol factory that asyncio asks."""
        return Connection(self, self._loop)

    def close_idle(self) -> None:
        """Close the connections that wait for a request."""
        for connection in self.connections:
            if isinstance(connection, Connection) and connection.idle:
                connection.close()
