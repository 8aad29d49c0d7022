"""The probe believes nothing: each way to misbehave is found out, and told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.base.errors import Exists, Unsupported
from outlast.providers import capabilities
from outlast.providers.capabilities import Capabilities, probe
from outlast.providers.disk import DiskProvider
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data, Entry, Provider, Stat
from outlast.providers.wrap.fault import FaultProvider, Shape
from outlast.testing.simulation import Simulation, simulate


async def look(provider: Provider) -> Capabilities:
    return await probe(provider, SeededEntropy(1))


async def test_memory_and_disk_can_do_everything_and_are_left_clean(tmp_path: Path) -> None:
    disk = DiskProvider("disk", tmp_path)
    for provider in (MemoryProvider("memory"), MemoryProvider("memory", SystemClock()), disk):
        found = await look(provider)
        assert found.reasons == ()
        assert found.may_vote
        assert found.may_hold_data
        assert 0 < found.round_trip_s < 1
        assert [entry async for entry in provider.list("")] == []
    await disk.close()


class LooksThenWrites(MemoryProvider):
    """Checks conditions and writes afterwards, as some do: several racers win."""

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        try:
            await self.head(key)
        except Exception:
            await asyncio.sleep(0)
            await self.put(key, data)
            return
        raise Exists(self.name, "create")


class IgnoresConditions(MemoryProvider):
    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        await self.put(key, data)


class LetsNobodyWin(MemoryProvider):
    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        raise Exists(self.name, "create")


class KeepsTheLosers(MemoryProvider):
    """Tells racers that they have lost, and keeps what the last of them has written."""

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        try:
            await super().create(key, data, under)
        except Exists:
            await self.put(key, data)
            raise


class CannotCreate(MemoryProvider):
    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        raise Unsupported(self.name, "create", "501")


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (LooksThenWrites, "create: 32 of 32 racers won"),
        (IgnoresConditions, "create: 32 of 32 racers won"),
        (LetsNobodyWin, "create: 0 of 32 racers won"),
        (KeepsTheLosers, "the bytes read differ from those written"),
        (CannotCreate, "501"),
    ],
)
async def test_a_provider_without_sound_conditions_holds_data_and_has_no_vote(
    kind: type[MemoryProvider], complaint: str
) -> None:
    found = await look(kind("p"))
    assert found.may_hold_data
    assert not found.may_vote
    assert any(complaint in reason for reason in found.reasons), found.reasons


class Forgets(MemoryProvider):
    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        return


class Truncates(MemoryProvider):
    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        return (await super().get(key, span, under))[:-1]


class IgnoresSpans(MemoryProvider):
    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        return await super().get(key)


class Shrinks(MemoryProvider):
    async def head(self, key: str) -> Stat:
        return Stat(1)


@pytest.mark.parametrize("kind", [Forgets, Truncates, IgnoresSpans, Shrinks])
async def test_a_provider_that_does_not_return_what_was_written_is_refused(
    kind: type[MemoryProvider],
) -> None:
    found = await look(kind("p"))
    assert not found.readable
    assert not found.may_vote
    assert not found.may_hold_data
    assert found.reasons[0].startswith("read: ")


class ListsNothing(MemoryProvider):
    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        for entry in ():
            yield entry


class IgnoresStart(MemoryProvider):
    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        async for entry in super().list(prefix):
            yield entry


class DeletesNothing(MemoryProvider):
    async def delete(self, key: str) -> None:
        return


@pytest.mark.parametrize(
    ("kind", "what"), [(ListsNothing, "list"), (IgnoresStart, "list"), (DeletesNothing, "delete")]
)
async def test_a_provider_that_cannot_list_or_delete_holds_no_data(
    kind: type[MemoryProvider], what: str
) -> None:
    found = await look(kind("p"))
    assert found.readable
    assert not found.may_hold_data
    assert [reason.split(":")[0] for reason in found.reasons] == [what]


class Explodes(MemoryProvider):
    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        raise RuntimeError("inside out")


async def test_a_provider_that_breaks_in_its_own_way_is_told_and_not_raised() -> None:
    found = await look(Explodes("p"))
    assert not found.writable
    assert found.reasons == ("write: RuntimeError: inside out",)


@pytest.mark.parametrize("shape", [Shape.REFUSE, Shape.DENIED, Shape.HANG, Shape.CORRUPT, Shape.HALF_OPEN])
def test_a_provider_that_is_down_while_it_is_probed_may_nothing(shape: Shape) -> None:
    async def main(sim: Simulation) -> None:
        fault = FaultProvider(MemoryProvider("p"), sim.clock, sim.entropy)
        fault.shape = shape
        began = sim.clock.monotonic()
        found = await look(fault)
        assert not found.may_vote
        assert not found.may_hold_data
        assert found.reasons
        assert found.round_trip_s == 0
        assert sim.clock.monotonic() - began <= capabilities.step_s_max + 1

    simulate(1, main)


async def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    disk = DiskProvider("disk", tmp_path / "missing")
    found = await look(disk)
    assert not found.writable
    assert "missing" in found.reasons[0]
    await disk.close()


class NeverAnswersARace(MemoryProvider):
    def __init__(self) -> None:
        super().__init__("never")
        self.asked = asyncio.Event()

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        await super().create(key, data)
        self.asked.set()
        await asyncio.Event().wait()


async def test_a_probe_that_is_cancelled_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "clean_s_max", 0.1)
    provider = NeverAnswersARace()
    looking = asyncio.ensure_future(look(provider))
    await provider.asked.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert [entry async for entry in provider.list("")] == []


class CannotDeleteTwice(MemoryProvider):
    """Refuses the second of all deletions."""

    deletions = 0

    async def delete(self, key: str) -> None:
        self.deletions += 1
        if self.deletions == 2:
            raise Unsupported(self.name, "delete", "501")
        await super().delete(key)


async def test_a_probe_that_fails_deletes_what_it_can() -> None:
    provider = CannotDeleteTwice("second")
    assert not (await look(provider)).deletable
    assert [entry async for entry in provider.list("")] == []
