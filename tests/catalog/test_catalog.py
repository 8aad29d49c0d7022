"""The catalog over a log: outcomes that are raised, and the log's errors as the store's."""

import pytest
from making import put

from outlast.base.clock import SystemClock
from outlast.base.errors import BucketExists, ForkedLog, NoMajority, StoreUnavailable
from outlast.catalog.catalog import Catalog
from outlast.catalog.records import AnyRecord, BucketCreated
from outlast.catalog.state import State
from outlast.testing.simulation import Simulation, simulated


class LocalLog:
    """A log of one: every record is a slot of its own, decided at once."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.error: Exception | None = None
        self.asked = 0

    async def append(self, record: bytes) -> object:
        await self.sync()
        return self.state.apply(self.state.position.slot + 1, b"h" * 32, [record])[0]

    async def sync(self) -> None:
        self.asked += 1
        if self.error:
            raise self.error


@pytest.fixture
def log() -> LocalLog:
    return LocalLog(State(":memory:"))


async def test_a_commit_gives_the_outcome(log: LocalLog) -> None:
    catalog = Catalog(log, log.state, SystemClock())
    assert await catalog.commit(BucketCreated("bucket", 1)) is None
    record = put("a")
    assert await catalog.commit(record) == record.version
    await catalog.sync()
    assert catalog.state.version("bucket", "a") == record.version


async def test_a_refused_wish_is_raised(log: LocalLog) -> None:
    catalog = Catalog(log, log.state, SystemClock())
    await catalog.commit(BucketCreated("bucket", 1))
    with pytest.raises(BucketExists):
        await catalog.commit(BucketCreated("bucket", 1))


@pytest.mark.parametrize("error", [NoMajority("1 of 3"), ForkedLog("two")])
async def test_the_logs_errors_become_the_stores(log: LocalLog, error: Exception) -> None:
    catalog = Catalog(log, log.state, SystemClock())
    log.error = error
    heard: list[BaseException] = []
    catalog.on_fork = heard.append
    with pytest.raises(StoreUnavailable):
        await catalog.commit(BucketCreated("bucket", 1))
    with pytest.raises(StoreUnavailable):
        await catalog.sync()
    assert heard == ([error, error] if isinstance(error, ForkedLog) else [])


async def test_observers_see_each_record_with_its_outcome_after_it_was_applied(log: LocalLog) -> None:
    seen: list[tuple[AnyRecord, object]] = []

    def observe(record: AnyRecord, outcome: object) -> None:
        assert log.state.bucket("bucket") is not None
        seen.append((record, outcome))

    log.state.on_applied(observe, pytest.fail)
    catalog = Catalog(log, log.state, SystemClock())
    record = BucketCreated("bucket", 1)
    await catalog.commit(record)
    with pytest.raises(BucketExists):
        await catalog.commit(record)
    assert seen[0] == (record, None)
    assert isinstance(seen[1][1], BucketExists)


async def test_an_observer_that_raises_is_reported_and_keeps_nothing_from_being_applied(
    log: LocalLog,
) -> None:
    reported: list[BaseException] = []
    seen: list[AnyRecord] = []

    def broken(record: AnyRecord, outcome: object) -> None:
        raise RuntimeError(type(record).__name__)

    log.state.on_applied(broken, reported.append)
    log.state.on_applied(lambda record, outcome: seen.append(record), pytest.fail)
    catalog = Catalog(log, log.state, SystemClock())
    for name in ("one", "two"):
        await catalog.commit(BucketCreated(name, 1))
    assert [str(error) for error in reported] == ["BucketCreated", "BucketCreated"]
    assert len(seen) == 2
    assert log.state.position.slot == 1


async def test_an_observer_that_has_ended_hears_nothing_more_and_the_others_hear_all(log: LocalLog) -> None:
    heard: list[AnyRecord] = []
    others: list[AnyRecord] = []

    def observe(record: AnyRecord, outcome: object) -> None:
        heard.append(record)
        end()

    end = log.state.on_applied(observe, pytest.fail)
    log.state.on_applied(lambda record, outcome: others.append(record), pytest.fail)
    catalog = Catalog(log, log.state, SystemClock())
    for name in ("one", "two"):
        await catalog.commit(BucketCreated(name, 1))
    end()
    assert (len(heard), len(others)) == (1, 2)


@simulated()
async def test_reads_may_be_as_stale_as_was_said_and_no_staler(sim: Simulation, log: LocalLog) -> None:
    catalog = Catalog(log, log.state, sim.clock)
    for _ in range(3):
        await catalog.sync_to_read()
    assert log.asked == 3, "unless it was said, not at all"
    catalog.staleness_s_max = 2.0
    await catalog.sync_to_read()
    await sim.clock.sleep(1.5)
    await catalog.sync_to_read()
    assert log.asked == 3
    await sim.clock.sleep(0.5)
    await catalog.sync_to_read()
    assert log.asked == 4
    await sim.clock.sleep(1)
    await catalog.sync()
    assert log.asked == 5, "who must not miss anything asks"
    await sim.clock.sleep(2)
    log.error = NoMajority("1 of 3")
    with pytest.raises(StoreUnavailable):
        await catalog.sync_to_read()
