"""All connections of one server: what they share, and how bytes get from a socket into one of them.

asyncio gives an ordinary protocol up to 256 KiB at a time, wanted or not: a thousand clients that send at
once would make that 256 MiB. A `BufferedProtocol` decides how much it takes. aiohttp's protocol is not one,
so `Intake` stands in front of it and forwards what it gets.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from outlast.gateway.admission import Admission
from outlast.gateway.connection import BODY_READ_BYTES, HEAD_READ_BYTES, Connection
from outlast.gateway.memory import ClientMemory


class Intake(asyncio.BufferedProtocol):
    """Stands between a transport and a `Connection`. `buffer` is shared: its content is forwarded at once."""

    __slots__ = ("_buffer", "_connection", "_head_buffer")

    def __init__(self, connection: Connection, buffer: memoryview, head_buffer: memoryview) -> None:
        """`head_buffer`: the beginning of `buffer`, as much as is read of a head."""
        self._connection = connection
        self._buffer = buffer
        self._head_buffer = head_buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is established."""
        self._connection.connection_made(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go."""
        return self._buffer[: self._connection.room] if self._connection.takes_body else self._head_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """The bytes have arrived."""
        self._connection.data_received(self._buffer[:nbytes].tobytes())

    def eof_received(self) -> bool:
        """The client sends no more."""
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """The kernel's buffer is full."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """The kernel's buffer has room again."""
        self._connection.resume_writing()


class Connections(web.Server):
    """The connections of one server, and what they share (`connection.Shared`)."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        new_id: Callable[[], str],
        memory: ClientMemory,
        admission: Admission,
    ) -> None:
        super().__init__(handler)
        self.new_id = new_id
        self.memory = memory
        self.admission = admission
        self.takers = 0
        self._buffer = memoryview(bytearray(BODY_READ_BYTES))
        self._head_buffer = self._buffer[:HEAD_READ_BYTES]

    def __call__(self) -> Intake:  # type: ignore[override]  # aiohttp would have the connection itself
        """Create a connection: this is asyncio's protocol factory."""
        return Intake(Connection(self, self, self._loop), self._buffer, self._head_buffer)

    async def finish(self, within_s: float) -> None:
        """Let every connection finish the request in progress, for at most `within_s`."""
        ends = [one.finish() for one in self.connections if isinstance(one, Connection)]
        if ends:
            await asyncio.wait(ends, timeout=within_s)
