"""What requests hold: taken in turn, given back, and not kept by clients that stall."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from running_gateway import MIB, Client, RunningGateway

from outlast.base import limits
from outlast.gateway.memory import ClientMemory, Lease, patience_s
from outlast.gateway.s3.errors import S3Error
from outlast.providers.wrap.fault import Shape
from outlast.testing.simulation import Simulation, simulate


def lease(memory: ClientMemory, ended: list[str], name: str = "") -> Lease:
    """A lease that closes when it is ended, as a connection does."""

    def end() -> None:
        ended.append(name)
        asyncio.get_running_loop().call_soon(one.close)

    one = Lease(memory, end)
    return one


def test_memory_is_given_in_turn_and_comes_back() -> None:
    async def main(sim: Simulation) -> None:
        memory = ClientMemory(10, sim.clock)
        first, second, third = (lease(memory, []) for _ in range(3))
        await first.take(8)
        waiting = [asyncio.ensure_future(second.take(5)), asyncio.ensure_future(third.take(1))]
        await sim.clock.sleep(1)
        assert (memory.used, memory.waiting) == (8, 2), "the third fits, but comes after the second"
        first.close()
        await asyncio.gather(*waiting)
        assert (second.held, third.held, memory.used) == (5, 1, 6)
        for one in (first, second, third):
            one.close()
        assert memory.used == 0

    simulate(1, main)


def test_who_waits_too_long_is_told_to_slow_down() -> None:
    async def main(sim: Simulation) -> None:
        memory = ClientMemory(10, sim.clock)
        first, second, third = (lease(memory, []) for _ in range(3))
        await first.take(10)
        behind = asyncio.ensure_future(third.take(20))
        with pytest.raises(S3Error) as raised:
            await second.take(1)
        assert (raised.value.code, raised.value.status) == ("SlowDown", 503)
        assert sim.clock.monotonic() == pytest.approx(limits.request_wait_s_max)
        with pytest.raises(S3Error):
            await behind
        assert (memory.used, memory.waiting) == (10, 0)

    simulate(1, main)


def test_what_is_larger_than_all_of_it_gets_all_of_it() -> None:
    async def main(sim: Simulation) -> None:
        memory = ClientMemory(10, sim.clock)
        one = lease(memory, [])
        await one.take(40)
        assert one.held == 10

    simulate(1, main)


def test_a_client_that_stalls_is_ended_when_others_need_its_memory_and_not_before() -> None:
    async def main(sim: Simulation) -> None:
        memory = ClientMemory(10, sim.clock)
        ended: list[str] = []
        stalled, ours, late = (lease(memory, ended, name) for name in ("stalled", "ours", "late"))
        for one, count in ((stalled, 4), (ours, 3), (late, 3)):
            await one.take(count)
        stalled.stalls()
        await sim.clock.sleep(100)
        assert ended == [], "nobody needs it"
        late.stalls()
        other = lease(memory, ended)
        await other.take(4)
        assert ended == ["stalled"]
        more = lease(memory, ended)
        began = sim.clock.monotonic()
        await more.take(3)
        assert ended == ["stalled", "late"]
        assert sim.clock.monotonic() - began == pytest.approx(patience_s, abs=0.6)

    simulate(1, main)


def test_a_wait_that_is_cancelled_takes_nothing_and_lets_the_next_on() -> None:
    async def main(sim: Simulation) -> None:
        memory = ClientMemory(10, sim.clock)
        first, second, third = (lease(memory, []) for _ in range(3))
        await first.take(5)
        waiting = asyncio.ensure_future(second.take(9))
        behind = asyncio.ensure_future(third.take(5))
        await sim.clock.sleep(0)
        waiting.cancel()
        await behind
        assert (second.held, third.held, memory.used) == (0, 5, 10)

    simulate(1, main)


def test_an_answer_is_counted_as_large_as_it_is() -> None:
    async def main(sim: Simulation) -> None:
        memory = ClientMemory(10, sim.clock)
        one = lease(memory, [])
        await one.take(5)
        for size in (2, 12, 0):
            one.resize(size)
            assert (one.held, memory.used) == (size, size)

    simulate(1, main)


# ---------------------------------------------------------------- in a gateway


@pytest.fixture(autouse=True)
def nothing_left(gateway: RunningGateway) -> Iterator[None]:
    yield
    deadline = time.monotonic() + 10
    while gateway.server.memory.used:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_small_objects_that_wait_for_the_log_are_counted(
    gateway: RunningGateway, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = limits.inline_bytes_max
    memory = gateway.server.memory
    monkeypatch.setattr(memory, "total", 2 * size)
    request = gateway.head("PUT", f"/{bucket}/k", body=bytes(size)) + bytes(size)
    for name in ("p0", "p1"):
        gateway.world.faults[name].shape = Shape.HANG
    try:
        with gateway.connection() as first, gateway.connection() as second:
            first.send(request)
            second.send(request)
            wait_until(lambda: memory.used == 2 * size)
            with monkeypatch.context() as patch:
                patch.setattr(limits, "request_wait_s_max", 0.2)
                assert gateway.exchange(request).code == "SlowDown"
            gateway.heal()
            assert [raw.answer().status for raw in (first, second)] in ([200, 200], [503, 503])
    finally:
        gateway.heal()


def test_a_document_that_does_not_come_is_given_up_for_others(
    gateway: RunningGateway, s3: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.server.memory, "total", 10 * MIB)
    monkeypatch.setattr("outlast.gateway.memory.patience_s", 0.2)
    with gateway.connection() as stalled:
        stalled.send(gateway.head("POST", f"/{bucket}?delete=", body=bytes(MIB)) + b"<Delete>")
        wait_until(lambda: gateway.server.memory.used > 0)
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
        assert stalled.closed


async def narrow_sockets(gateway: RunningGateway) -> None:
    """Have the kernel take next to nothing that the present clients do not take."""
    connections = gateway.server._connections
    assert connections is not None
    for connection in connections.connections:
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def test_a_listing_that_is_not_taken_is_given_up_for_others(
    gateway: RunningGateway, s3: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"{number:04}-{'k' * 1000}" for number in range(1000)]

    async def put() -> None:
        await asyncio.gather(*(gateway.world.store.put(bucket, key, b"") for key in keys))

    gateway.run(put())
    monkeypatch.setattr(gateway.server.memory, "total", 2 * MIB)
    monkeypatch.setattr("outlast.gateway.memory.patience_s", 0.2)
    with ExitStack() as stack:
        raws = [stack.enter_context(gateway.connection()) for _ in range(4)]
        for raw in raws:
            raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.send(gateway.head("HEAD", f"/{bucket}"))
            assert raw.answer("HEAD").status == 200
        gateway.run(narrow_sockets(gateway))
        for raw in raws:
            raw.send(gateway.head("GET", f"/{bucket}?list-type=2&prefix="))
        wait_until(lambda: gateway.server.memory.used > MIB)
        listed = s3.list_objects_v2(Bucket=bucket)
    assert [entry["Key"] for entry in listed["Contents"]] == keys
