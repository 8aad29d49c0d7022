"""Clients find a store that loses what it acknowledged, and one of them can lie."""

import hashlib

import pytest

from outlast.catalog.records import Condition
from outlast.testing.history import linearizable
from outlast.testing.siege.load import Clients
from outlast.testing.siege.options import SiegeOptions
from outlast.testing.siege.timeline import Timeline
from outlast.testing.siege.verdict import neighbors
from outlast.testing.simulation import Simulation, simulate
from outlast.testing.targets import Refused, Seen

OPTIONS = SiegeOptions.draw(1, 60.0, contents="small")


class Bucket:
    """One in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, Seen] = {}

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        present = self.objects.get(key)
        held = condition is None or (
            present is None if condition.kind == "absent" else present and present.etag == condition.etag
        )
        if not held:
            raise Refused(key)
        etag = hashlib.md5(content).hexdigest()
        self.objects[key] = Seen(label, etag, content)
        return etag

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        seen = self.objects.get(key)
        return seen if seen is None or part is None else Seen(seen.label, seen.etag, seen.content[part])

    async def delete(self, key: str, condition: Condition | None = None) -> None:
        present = self.objects.get(key)
        if condition is not None and (present is None or present.etag != condition.etag):
            raise Refused(key)
        self.objects.pop(key, None)

    async def list(self, prefix: str) -> dict[str, str]:
        return {key: seen.etag for key, seen in self.objects.items() if key.startswith(prefix)}


def judged(harm: str) -> tuple[bool, dict[str, int]]:
    """Whether the history is linearizable after that harm, and what was found."""

    async def main(sim: Simulation) -> tuple[bool, dict[str, int]]:
        bucket, timeline = Bucket(), Timeline(sim.clock, lambda line: None)
        clients = Clients([bucket], sim.clock, timeline, OPTIONS)
        await clients.run(12, lambda: sim.clock.monotonic() > OPTIONS.seconds)
        cold = sorted(key for key in bucket.objects if key.startswith("cold/"))
        if harm == "loss":
            del bucket.objects[cold[0]]
        if harm == "damage":
            seen = bucket.objects[cold[-1]]
            bucket.objects[cold[-1]] = Seen(seen.label, seen.etag, bytes(len(seen.content)))
        if harm == "lie":
            clients.lie()
        await clients.read_all(bucket)
        assert len(cold) > 10 and len(clients.history.operations) > 1000
        return linearizable(clients.history).ok, dict(timeline.found)

    return simulate(1, main)


@pytest.mark.slow
def test_a_right_store_is_found_right() -> None:
    assert judged("") == (True, {})


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["loss", "lie"])
def test_a_lost_object_and_a_lying_client_are_found(harm: str) -> None:
    assert judged(harm) == (False, {})


@pytest.mark.slow
def test_wrong_bytes_are_found() -> None:
    assert judged("damage") == (True, {"a content is wrong": 1})


def test_each_provider_is_away_once_with_as_many_others_as_are_tolerated() -> None:
    assert neighbors("abc", 1) == [("a",), ("b",), ("c",)]
    assert neighbors("abc", 2) == [("a", "b"), ("b", "c"), ("c", "a")]
