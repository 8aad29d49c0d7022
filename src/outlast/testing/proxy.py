"""A TCP proxy: a line between two programs that can be made long, cut, and broken while it is in use.

    async with Proxy("127.0.0.1", 9000, clock) as proxy:   # proxy.port is where to connect
        proxy.round_trip_s = 0.04
        proxy.set_mode("blackhole")

* `pass`: what comes in goes out, half of `round_trip_s` later each way; a new connection costs a round trip
  more, as a handshake does. Neither the order nor the rate is changed.
* `blackhole`: connections are accepted and stay, and nothing goes through. Data sent meanwhile arrives
  when it is over, as with a cable that is plugged in again, even requests that their sender gave up long ago.
* `reset`: each connection is broken off (RST), new ones as soon as they arrive.

With `tls` it speaks TLS to the client, and forwards in the clear. (The round trips of TLS's own handshake
take no time.) `drop` breaks off current connections, once.

It is no model of a network: no loss, no jitter, no limited rate. Nor can it refuse: for that, stop it.

As a process of its own, controlled by lines on standard input (`mode blackhole`, `round-trip 0.04`, `drop`,
`certificate FILE`, a PEM with chain and key), each answered by `ok`; the first line of output is the port.
When the input ends it keeps running until it is killed:

    python -m outlast.testing.proxy --to 127.0.0.1:9000 --port 0 --round-trip 0.04
"""

import argparse
import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Literal, Self, TypeAlias, cast, get_args

from outlast.base.clock import Clock, SystemClock
from outlast.base.limits import KIB

Mode: TypeAlias = Literal["pass", "blackhole", "reset"]
Line: TypeAlias = "asyncio.Queue[tuple[float, bytes]]"

chunk_bytes_max = 256 * KIB
# The capacity of the line: 64 MiB at most each way, enough for a gigabit at half a second.
line_chunks_max = 256


class Proxy:
    """See the module's docstring. `round_trip_s` may be set at any time, for data that arrives later."""

    def __init__(
        self, host: str, port: int, clock: Clock, round_trip_s: float = 0.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.round_trip_s = round_trip_s
        self.port = 0
        """Where it listens, on this computer; 0 before `start`."""
        self._to = (host, port)
        self._clock = clock
        self._tls = tls
        self._mode: Mode = "pass"
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> Self:
        """Listen on 127.0.0.1; port 0 picks a free one."""
        self._server = await asyncio.start_server(
            self._carry, "127.0.0.1", port, ssl=self._tls, limit=chunk_bytes_max, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop listening, and break off current connections: new ones are refused."""
        if self._server is not None:
            self._server.close()
        self.drop()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def set_mode(self, mode: Mode) -> None:
        """Set the mode from now on, also for current connections."""
        self._mode = mode
        if mode == "blackhole":
            self._open.clear()
        else:
            self._open.set()
        if mode == "reset":
            self.drop()

    def drop(self) -> None:
        """Break off current connections."""
        for writer in list(self._writers):
            _reset(writer)

    # ------------------------------------------------------------ one connection

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        self._writers.add(writer)
        onward: asyncio.StreamWriter | None = None
        orderly = False
        try:
            if self._mode == "reset":
                return
            arrived = self._clock.monotonic()
            await self._open.wait()
            answers, onward = await asyncio.open_connection(*self._to, limit=chunk_bytes_max)
            self._writers.add(onward)
            await self._wait_until(arrived + self.round_trip_s)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, onward))
                group.create_task(self._pass(answers, writer))
            orderly = True
        except* OSError:
            pass  # one end has closed; so the other is closed
        finally:
            for end in (writer, onward):
                if end is not None:
                    self._writers.discard(end)
                    if orderly:
                        end.close()
                    else:
                        _reset(end)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one direction to its end."""
        line: Line = asyncio.Queue(line_chunks_max)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take(reader, line))
            group.create_task(self._give(line, writer))

    async def _take(self, reader: asyncio.StreamReader, line: Line) -> None:
        while chunk := await reader.read(chunk_bytes_max):
            await line.put((self._clock.monotonic() + self.round_trip_s / 2, chunk))
        await line.put((self._clock.monotonic() + self.round_trip_s / 2, b""))

    async def _give(self, line: Line, writer: asyncio.StreamWriter) -> None:
        while True:
            at, chunk = await line.get()
            await self._wait_until(at)
            await self._open.wait()
            if not chunk:
                break
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()

    async def _wait_until(self, at: float) -> None:
        left = at - self._clock.monotonic()
        if left > 0:
            await self._clock.sleep(left)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break off with a RST."""
    if not writer.transport.is_closing():
        end: socket.socket = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# ---------------------------------------------------------------- as a process


async def _serve(arguments: argparse.Namespace) -> None:
    tls: ssl.SSLContext | None = None
    if arguments.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(arguments.certificate)
    host, _, port = arguments.to.rpartition(":")
    proxy = Proxy(host, int(port), SystemClock(), arguments.round_trip, tls)
    await proxy.start(arguments.port)
    _say(str(proxy.port))
    async for line in _lines():
        _obey(proxy, tls, line.split())
        _say("ok")
    await asyncio.Event().wait()


def _obey(proxy: Proxy, tls: ssl.SSLContext | None, words: list[str]) -> None:
    match words:
        case ["mode", mode] if mode in get_args(Mode):
            proxy.set_mode(cast(Mode, mode))
        case ["round-trip", seconds]:
            proxy.round_trip_s = float(seconds)
        case ["drop"]:
            proxy.drop()
        case ["certificate", path] if tls is not None:
            tls.load_cert_chain(path)
            proxy.drop()  # current connections would continue with the old certificate
        case _:
            raise SystemExit(f"unknown command: {words}")


async def _lines() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        yield line.decode()


def _say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A line between two programs that can be cut.")
    parser.add_argument("--to", required=True, help="HOST:PORT")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--round-trip", type=float, default=0.0, help="seconds")
    parser.add_argument("--certificate", default="", help="PEM with chain and key: speak TLS")
    asyncio.run(_serve(parser.parse_args()))
