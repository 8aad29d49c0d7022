"""How many connections there may be, from one address and in all, and who gives way."""

import resource
import time
from collections.abc import Iterator

import pytest
from running_gateway import Client, RunningGateway

from outlast.base.clock import SystemClock
from outlast.gateway import admission
from outlast.gateway.admission import Admission, client_of, connections_allowed, idle_s_min


class HandClock(SystemClock):
    """Moved by hand."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Guest:
    def __init__(self, address: str = "a") -> None:
        self.address = address
        self.idle_since: float | None = 0.0
        self.dismissed = False

    def dismiss(self) -> None:
        self.dismissed = True


def busy(there: Admission, count: int, address: str = "a") -> list[Guest]:
    """Connections with a request under way."""
    guests = [Guest(address) for _ in range(count)]
    for guest in guests:
        assert there.admit(guest) is True
        guest.idle_since = None
    return guests


def test_one_address_may_have_half_and_others_the_rest() -> None:
    there = Admission(10, HandClock())
    busy(there, 5)
    assert there.admit(Guest()) is False
    busy(there, 5, "b")
    assert there.admit(Guest("c")) is False
    assert (there.count, there.refused) == (10, 2)


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_network_of_ipv6_is_one_client(address: str, client: str) -> None:
    """Any address in it may be taken by whoever has it."""
    assert client_of(address) == client


def test_the_longest_idle_gives_way_to_a_newcomer() -> None:
    clock = HandClock()
    there = Admission(4, clock)
    guests = [Guest(name) for name in "abcd"]
    for guest in guests:
        assert there.admit(guest)
    guests[0].idle_since = 0.1
    guests[1].idle_since = None
    assert there.admit(Guest("e")) is False, "those who have just come are about to ask for something"
    clock.seconds = idle_s_min
    assert there.admit(Guest("e")) is True
    assert [guest.dismissed for guest in guests] == [False, False, True, False]
    there.left(guests[2])
    assert there.count == 4


def test_at_an_addresss_limit_one_of_its_own_gives_way() -> None:
    clock = HandClock()
    there = Admission(4, clock)
    other, first, second = Guest("b"), Guest(), Guest()
    for guest in (other, first, second):
        assert there.admit(guest)
    clock.seconds = idle_s_min
    assert there.admit(Guest()) is True
    assert (other.dismissed, first.dismissed, second.dismissed) == (False, True, False)


def test_only_so_many_are_told_that_they_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "refused_max", 2)
    there = Admission(1, HandClock())
    busy(there, 1)
    refused = [Guest(), Guest()]
    assert [there.admit(guest) for guest in refused] == [False, False]
    assert there.admit(Guest()) is None
    there.left(refused[0])
    assert there.admit(Guest()) is False
    assert there.refused == 4


def test_nothing_is_remembered_of_those_who_have_left() -> None:
    there = Admission(3, HandClock())
    guests = [Guest(str(number)) for number in range(9)]
    for guest in guests:
        there.admit(guest)
    for guest in guests * 2:
        there.left(guest)
    assert (there.count, dict(there._of_address), there._there, there._refusals) == (0, {}, {}, set())


def test_the_limit_of_open_files_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, allowed in ((1024, 384), (100, 1), (10_000, 1000), (resource.RLIM_INFINITY, 1000)):
        monkeypatch.setattr(resource, "getrlimit", lambda which, soft=soft: (soft, soft))
        assert connections_allowed() == allowed


@pytest.fixture
def narrow() -> Iterator[RunningGateway]:
    """A gateway of one's own that takes two connections from one address."""
    with RunningGateway() as running:
        running.run(running.world.store.create_bucket("mine"))
        running.server.admission.most_of_address = 2
        yield running


def test_one_too_many_is_told_to_slow_down(narrow: RunningGateway) -> None:
    with narrow.connection() as first, narrow.connection() as second:
        for raw in (first, second):
            raw.send(narrow.head("PUT", "/mine/k", body=bytes(10)) + b"1")  # and waits for the rest
        deadline = time.monotonic() + 10
        while narrow.server.traffic.of("PutObject").in_flight < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with narrow.connection() as third:
            third.send(narrow.head("GET", "/mine"))
            answer = third.answer()
            assert (answer.status, answer.code) == (503, "SlowDown")
            assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
            assert third.closed
        assert narrow.server.admission.refused == 1
        for raw in (first, second):
            raw.send(bytes(9))
            assert raw.answer().status == 200
    deadline = time.monotonic() + 10
    while narrow.exchange(narrow.head("GET", "/mine")).status != 200:
        assert time.monotonic() < deadline, "their places are not given to others"
        time.sleep(0.01)


def test_an_idle_connection_gives_way(narrow: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "idle_s_min", 0.0)
    with narrow.connection() as idle, narrow.connection() as other:
        for raw in (idle, other):
            raw.send(narrow.head("GET", "/mine"))
            assert raw.answer().status == 200
        with narrow.connection() as newcomer:
            newcomer.send(narrow.head("GET", "/mine"))
            assert newcomer.answer().status == 200
            assert idle.closed
            other.send(narrow.head("GET", "/mine"))
            assert other.answer().status == 200


def test_connections_are_counted_in_the_metrics(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    answer = gateway.exchange(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    lines = answer.body.decode().splitlines()
    there = next(float(line.split()[1]) for line in lines if line.startswith("outlast_s3_connections "))
    assert there >= 1
    assert f"outlast_s3_connections_limit {gateway.server.admission.most}.0" in lines
