"""The workload tells a right store from a wrong one, whatever is wrong with it."""

import hashlib

import pytest

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.catalog.records import Condition
from outlast.testing.history import linearizable
from outlast.testing.simulation import Simulation, simulate
from outlast.testing.targets import Refused, Seen, Unanswered
from outlast.testing.workload import Load, LoadReport, Mix, content_of

SMALL = Mix(keys=8, sizes=((1, 0), (3, 10), (1, 300)))
PARTS = Mix(keys=8, sizes=((3, 10), (1, 300)), operations=((1, "put"), (2, "range")))


class Register:
    """A target in memory whose requests take time, and take effect at one moment of it."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self.clock = clock
        self.entropy = entropy
        self.objects: dict[str, Seen] = {}

    async def travel(self) -> None:
        await self.clock.sleep(self.entropy.uniform(0.001, 0.1))

    def check(self, key: str, condition: Condition | None) -> None:
        present = self.objects.get(key)
        if condition is None:
            return
        if (
            (present is not None)
            if condition.kind == "absent"
            else (present is None or present.etag != condition.etag)
        ):
            raise Refused(key)

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        await self.travel()
        self.check(key, condition)
        etag = hashlib.md5(content).hexdigest()
        self.objects[key] = Seen(label, etag, content)
        await self.travel()
        return etag

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        await self.travel()
        seen = self.objects.get(key)
        await self.travel()
        return seen if seen is None or part is None else Seen(seen.label, seen.etag, seen.content[part])

    async def delete(self, key: str, condition: Condition | None = None) -> None:
        await self.travel()
        self.check(key, condition)
        self.objects.pop(key, None)
        await self.travel()

    async def list(self, prefix: str) -> dict[str, str]:
        await self.travel()
        return {key: seen.etag for key, seen in self.objects.items() if key.startswith(prefix)}


class Forgetful(Register):
    """Acknowledges one write in twenty without doing it."""

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        if self.entropy.uniform(0, 1) > 0.05 or condition is not None:
            return await super().put(key, label, content, condition)
        await self.travel()
        return hashlib.md5(content).hexdigest()


class Stale(Register):
    """Answers some reads from what it remembers of an earlier read."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        super().__init__(clock, entropy)
        self.cache: dict[str, Seen | None] = {}

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        if key in self.cache and self.entropy.uniform(0, 1) < 0.2:
            return self.cache[key]
        self.cache[key] = await super().get(key, part)
        return self.cache[key]


class Generous(Register):
    """Looks first and writes later, so that two may win."""

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        await self.travel()
        self.check(key, condition)
        return await super().put(key, label, content)


class Corrupt(Register):
    """Turns a bit of one read in twenty."""

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        seen = await super().get(key, part)
        if seen is None or not seen.content or self.entropy.uniform(0, 1) > 0.05:
            return seen
        return Seen(seen.label, seen.etag, bytes([seen.content[0] ^ 1]) + seen.content[1:])


class Shifted(Register):
    """Begins every part one byte too late."""

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        return await super().get(key, part and slice(part.start + 1, part.stop))


class Silent(Register):
    """Does every write and answers some of them with silence."""

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        etag = await super().put(key, label, content, condition)
        if self.entropy.uniform(0, 1) < 0.1:
            raise Unanswered("lost")
        return etag


def run(kind: type[Register], seed: int = 1, mix: Mix = SMALL) -> tuple[Load, LoadReport]:
    async def main(sim: Simulation) -> tuple[Load, LoadReport]:
        target = kind(sim.clock, sim.entropy)
        load = Load([target], sim.clock, sim.entropy, mix)
        report = await load.run(8, until=lambda: sim.clock.monotonic() > 10)
        await load.read_all(target)
        return load, report

    return simulate(seed, main)


@pytest.mark.parametrize("seed", range(5))
def test_a_right_store_passes(seed: int) -> None:
    load, report = run(Register, seed)
    assert report.requests > 500
    assert not report.failures
    assert not report.wrong
    assert (verdict := linearizable(load.history)).ok, verdict
    assert 0 < report.percentile_s(0.5, "get") <= report.percentile_s(0.99, "get") <= 0.2
    assert report.percentile_s(0.99, begin=1000) == 0


@pytest.mark.parametrize("kind", [Forgetful, Stale, Generous])
def test_lost_writes_stale_reads_and_two_winners_are_found(kind: type[Register]) -> None:
    load, report = run(kind)
    assert not report.failures
    assert not linearizable(load.history).ok


def test_wrong_bytes_are_found() -> None:
    load, report = run(Corrupt)
    assert "not the" in report.wrong[0]
    assert linearizable(load.history).ok


def test_parts_are_compared_with_what_they_are_parts_of() -> None:
    _, report = run(Register, mix=PARTS)
    assert report.requests > 500 and not report.wrong
    _, report = run(Shifted, mix=PARTS)
    assert "in slice(" in report.wrong[0]


def test_writes_without_an_answer_are_failures_and_may_have_happened() -> None:
    load, report = run(Silent)
    assert "Unanswered: lost" in report.failures[0]
    assert not report.wrong
    assert (verdict := linearizable(load.history)).ok, verdict


def test_contents_belong_to_their_labels() -> None:
    assert len(content_of("a", 1000)) == 1000
    assert content_of("a", 1000) == content_of("a", 2000)[:1000]
    assert content_of("a", 1000) != content_of("b", 1000)
