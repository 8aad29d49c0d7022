"""The line between two programs, whole, long, cut and broken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from outlast.base.clock import SystemClock
from outlast.base.limits import MIB
from outlast.testing.proxy import Proxy


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that sends back what it gets, until the sender is done."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass  # the proxy passes on a broken line
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with echo() as port, Proxy("127.0.0.1", port, SystemClock()) as proxy:
        yield proxy


async def echoed(proxy: Proxy, content: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    async def send() -> None:
        writer.write(content)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.ensure_future(send())
    answer = await reader.read(-1)
    await sending
    writer.close()
    return answer


async def test_what_comes_in_goes_out_to_the_last_byte(proxy: Proxy) -> None:
    content = bytes(range(256)) * (4 * MIB // 256)
    assert await echoed(proxy, content) == content


async def test_a_long_line_costs_a_round_trip_and_one_for_the_connection(proxy: Proxy) -> None:
    clock = SystemClock()
    proxy.round_trip_s = 0.05
    began = clock.monotonic()
    assert await echoed(proxy, b"there and back") == b"there and back"
    assert clock.monotonic() - began >= 2 * proxy.round_trip_s


async def test_a_black_hole_takes_everything_and_gives_it_back_when_it_is_over(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"before")
    assert await reader.readexactly(6) == b"before"
    proxy.set_mode("blackhole")
    writer.write(b"within")
    later = asyncio.ensure_future(echoed(proxy, b"a new one"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.read(1)
    assert not later.done()
    proxy.set_mode("pass")
    assert await reader.readexactly(6) == b"within"
    assert await later == b"a new one"
    writer.close()


async def test_resetting_breaks_off_old_and_new_connections(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    proxy.set_mode("reset")
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    with pytest.raises(OSError):  # while connecting or afterwards
        reader, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
        await reader.readexactly(1)
    proxy.set_mode("pass")
    assert await echoed(proxy, b"again") == b"again"


async def test_nobody_at_the_other_end_breaks_off() -> None:
    async with echo() as port:
        pass
    async with Proxy("127.0.0.1", port, SystemClock()) as proxy:
        with pytest.raises(OSError):
            await echoed(proxy, b"x")


async def test_a_stopped_proxy_refuses(proxy: Proxy) -> None:
    await proxy.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
