"""What requests hold: taken in turn, given back, and not kept by clients that stall."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from running_gateway import MIB, Client, Raw, RunningGateway

from outlast.base import limits
from outlast.gateway.connection import HEAD_READ_BYTES, Connection
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


def test_an_answer_is_counted_as_large_as_it_is_and_refused_if_there_is_no_memory_for_it() -> None:
    async def main(sim: Simulation) -> None:
        memory = ClientMemory(10, sim.clock)
        one, other = lease(memory, []), lease(memory, [])
        await one.take(5)
        await other.take(3)
        for size in (2, 7, 4):
            assert one.resize_now(size)
            assert (one.held, memory.used) == (size, size + 3)
        assert not one.resize_now(8)
        assert (one.held, memory.used) == (4, 7)
        waiting = asyncio.ensure_future(lease(memory, []).take(5))
        await sim.clock.sleep(0)
        assert one.resize_now(2), "what an answer does not need goes to who waits"
        await waiting
        assert memory.used == 10

    simulate(1, main)


def test_a_client_that_goes_away_leaves_the_line_and_gets_nothing() -> None:
    async def main(sim: Simulation) -> None:
        memory = ClientMemory(10, sim.clock)
        first, gone, third = (lease(memory, []) for _ in range(3))
        await first.take(5)
        waiting = asyncio.ensure_future(gone.take(9))
        behind = asyncio.ensure_future(third.take(5))
        await sim.clock.sleep(0)
        gone.end_for_good()
        gone.end_for_good()
        with pytest.raises(ConnectionResetError):
            await waiting
        await behind
        assert sim.clock.monotonic() == 0
        first.close()
        with pytest.raises(ConnectionResetError):
            await gone.take(1)
        assert (gone.take_now(1), gone.held, memory.used) == (False, 0, 5)

    simulate(1, main)


def test_no_more_clients_are_ended_than_the_memory_that_is_wanted_takes() -> None:
    async def main(sim: Simulation) -> None:
        memory = ClientMemory(10, sim.clock)
        ended: list[str] = []
        for name in ("first", "second"):
            one = lease(memory, ended, name)
            await one.take(4)
            one.stalls()
        await sim.clock.sleep(100)
        await lease(memory, ended).take(6)
        assert ended == ["first"], "2 were free, and 4 more were wanted"

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
    monkeypatch.setattr(memory, "total", 4 * size)  # each is there twice: by itself, and in its record
    request = gateway.head("PUT", f"/{bucket}/k", body=bytes(size)) + bytes(size)
    for name in ("p0", "p1"):
        gateway.world.faults[name].shape = Shape.HANG
    try:
        with gateway.connection() as first, gateway.connection() as second:
            first.send(request)
            second.send(request)
            wait_until(lambda: memory.used == 4 * size)
            with monkeypatch.context() as patch:
                patch.setattr(limits, "request_wait_s_max", 0.2)
                assert gateway.exchange(request).code == "SlowDown"
            gateway.heal()
            assert [raw.answer().status for raw in (first, second)] in ([200, 200], [503, 503])
    finally:
        gateway.heal()


def test_a_body_is_asked_for_when_there_is_memory_for_it(
    gateway: RunningGateway, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait in line hold no body: it stays with the client."""
    memory = gateway.server.memory
    monkeypatch.setattr(memory, "total", 100_000)
    first_body, second_body = bytes(40_000), bytes(20_000)
    with gateway.connection() as first, gateway.connection() as second:
        first.send(gateway.head("PUT", f"/{bucket}/first", body=first_body))
        wait_until(lambda: memory.used == 80_000)
        second.send(gateway.head("PUT", f"/{bucket}/second", {"Expect": "100-continue"}, second_body))
        wait_until(lambda: memory.waiting == 1)
        second.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            second.sock.recv(1)
        second.sock.settimeout(20)
        first.send(first_body)
        assert first.answer().status == 200
        assert second.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        second.send(second_body)
        assert second.answer().status == 200


@pytest.mark.parametrize("sent", [b"", b"x" * 40_000], ids=["nothing", "a part"])
def test_a_small_body_that_does_not_come_is_given_up_for_others(
    gateway: RunningGateway, s3: Client, bucket: str, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    memory = gateway.server.memory
    monkeypatch.setattr(memory, "total", 250_000)
    monkeypatch.setattr("outlast.gateway.memory.patience_s", 0.2)
    with gateway.connection() as stalled:
        stalled.send(gateway.head("PUT", f"/{bucket}/k", body=bytes(100_000)) + sent)
        wait_until(lambda: memory.used > 0)
        s3.put_object(Bucket=bucket, Key="other", Body=bytes(100_000))
        assert stalled.closed


def half_close(raw: Raw) -> None:
    """Send no more: the body that was announced will not come."""
    raw.sock.shutdown(socket.SHUT_WR)
    assert (answer := raw.answer()).code == "IncompleteBody", answer


def reset(raw: Raw) -> None:
    """Break the connection off."""
    raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    raw.close()


@pytest.mark.parametrize("go_away", [half_close, reset])
def test_a_client_that_goes_away_while_it_waits_for_memory_does_not_hold_up_others(
    gateway: RunningGateway, bucket: str, monkeypatch: pytest.MonkeyPatch, go_away: Callable[[Raw], None]
) -> None:
    memory = gateway.server.memory
    monkeypatch.setattr(memory, "total", 100_000)
    body = bytes(30_000)
    with gateway.connection() as holder, gateway.connection() as behind:
        holder.send(gateway.head("PUT", f"/{bucket}/k", body=body))
        wait_until(lambda: memory.used == 60_000)
        with gateway.connection() as gone:
            gone.send(gateway.head("PUT", f"/{bucket}/gone", body=bytes(40_000)))
            wait_until(lambda: memory.waiting == 1)
            behind.send(gateway.head("PUT", f"/{bucket}/behind", body=bytes(20_000)) + bytes(20_000))
            wait_until(lambda: memory.waiting == 2)
            go_away(gone)
        assert behind.answer().status == 200
        holder.send(body)
        assert holder.answer().status == 200


def test_a_small_object_is_sent_when_there_is_memory_for_it(
    gateway: RunningGateway, s3: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(range(250)) * 400
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    memory = gateway.server.memory
    monkeypatch.setattr(memory, "total", 150_000)
    with gateway.connection() as holder, gateway.connection() as reader:
        holder.send(gateway.head("PUT", f"/{bucket}/other", body=bytes(50_000)))
        wait_until(lambda: memory.used == 100_000)
        reader.send(gateway.head("GET", f"/{bucket}/k"))
        wait_until(lambda: memory.waiting == 1)
        holder.send(bytes(50_000))
        assert holder.answer().status == 200
        answer = reader.answer()
        assert (answer.status, answer.body) == (200, data)


def test_a_listing_that_there_is_no_memory_for_is_told_to_slow_down(
    gateway: RunningGateway, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"{number:03}-{'&' * 1000}" for number in range(400)]  # each & is five bytes of XML

    async def put() -> None:
        await asyncio.gather(*(gateway.world.store.put(bucket, key, b"") for key in keys))

    gateway.run(put())
    request = gateway.head("GET", f"/{bucket}?list-type=2&prefix=")
    monkeypatch.setattr(gateway.server.memory, "total", 3 * MIB // 2)
    answer = gateway.exchange(request)
    assert (answer.status, answer.code) == (503, "SlowDown")
    monkeypatch.undo()
    assert gateway.exchange(request).status == 200


def test_a_document_that_does_not_come_is_given_up_for_others(
    gateway: RunningGateway, s3: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.server.memory, "total", 10 * MIB)
    monkeypatch.setattr("outlast.gateway.memory.patience_s", 0.2)
    with gateway.connection() as stalled:
        md5 = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
        stalled.send(gateway.head("POST", f"/{bucket}?delete=", md5, bytes(MIB)) + b"<Delete>")
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


def test_the_more_bodies_are_read_the_less_is_read_of_each_at_once(
    gateway: RunningGateway, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outlast.gateway.connection.ALL_READ_BYTES", MIB // 8)
    connections = gateway.server._connections
    assert connections is not None
    with ExitStack() as stack:
        for count, room in ((1, 128 << 10), (2, 64 << 10), (4, 32 << 10), (16, HEAD_READ_BYTES)):
            while connections.takers < count:
                raw, before = stack.enter_context(gateway.connection()), connections.takers
                raw.send(gateway.head("PUT", f"/{bucket}/k", body=bytes(MIB)) + bytes(100))
                wait_until(lambda before=before: connections.takers == before + 1)
            readers = [one for one in connections.connections if isinstance(one, Connection)]
            assert {one.room for one in readers if one.takes_body} == {room}
            assert {one.part_of(16 * MIB) for one in readers} == {16 * MIB // count}
        taking = [one for one in readers if one.takes_body]
        assert len(taking) == 16
        gateway.loop.call_soon_threadsafe(lambda: [one.dismiss() for one in taking])
        wait_until(lambda: connections.takers == 0)
