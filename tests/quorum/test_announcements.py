"""A gateway that always comes too late is heard all the same, and nothing is decided twice for it."""

import asyncio

import pytest
from cluster import Cluster, Gateway, PlainSeal

from outlast.base.errors import Tampered
from outlast.quorum.announcement import (
    AHEAD_MAX,
    REMEMBERED_SLOTS,
    SPEED_WINDOW_S,
    Announcement,
    RecentSubmissions,
    Speed,
    included,
    open_announcement,
    seal_announcement,
)
from outlast.quorum.batch import GENESIS_HASH, Batch, Submission
from outlast.testing.network import Weather
from outlast.testing.simulation import Simulation, simulated

NEAR = Weather(delay_s=(0.0048, 0.0052))
FAR = Weather(delay_s=(0.048, 0.052))


def submission(number: int, size: int = 1) -> Submission:
    return Submission(b"g" * 16, number, (bytes(size),))


def batch(*submissions: Submission) -> Batch:
    return Batch(GENESIS_HASH, b"g" * 16, submissions)


def test_an_announcement_opens_in_its_own_slot_only() -> None:
    announcement = Announcement(3, (submission(1),))
    sealed = seal_announcement(PlainSeal(), 7, announcement)
    assert open_announcement(PlainSeal(), 7, sealed) == announcement
    with pytest.raises(Tampered):
        open_announcement(PlainSeal(), 8, sealed)


def test_what_a_slot_holds_already_is_not_included_again() -> None:
    recent = RecentSubmissions(0)
    recent.add(1, batch(submission(1)))
    announcement = Announcement(0, (submission(1), submission(2)))
    assert recent.undecided(announcement) == [submission(2)]


def test_who_does_not_remember_every_slot_since_the_announcement_includes_nothing_of_it() -> None:
    recent = RecentSubmissions(10)
    assert recent.undecided(Announcement(9, (submission(1),))) == []
    assert recent.undecided(Announcement(10, (submission(1),))) == [submission(1)]
    for slot in range(11, 11 + REMEMBERED_SLOTS + 1):
        recent.add(slot, batch(submission(slot)))
    assert recent.undecided(Announcement(10, (submission(1),))) == []
    assert recent.undecided(Announcement(11, (submission(1), submission(12)))) == [submission(1)]


def test_a_batch_takes_in_each_submission_once_and_no_more_than_fits() -> None:
    own, other, large = submission(1), submission(2, 10), submission(3, 100)
    assert included([own], [own, other, other, large], size_max=50) == [own, other]


def test_the_slot_to_announce_lies_beyond_what_the_log_reaches_meanwhile() -> None:
    speed = Speed()
    assert speed.slot_to_announce(known=5, now=0.0, misses=0) > 5
    speed.seen(100, 0.0)
    speed.seen(200, 1.0)
    assert speed.slots_per_s == pytest.approx(100)
    assert 210 < speed.slot_to_announce(known=200, now=1.1, misses=0) < 220
    assert speed.slot_to_announce(known=200, now=1.1, misses=30) <= 220 + AHEAD_MAX
    speed.seen(201, 1.0 + 2 * SPEED_WINDOW_S)
    assert speed.slots_per_s == 0, "what was seen long ago says nothing about now"


async def write_busily(gateway: Gateway, clients: int) -> None:
    async def client(number: int) -> None:
        count = 0
        while True:
            await gateway.log.append(b"%s/%d/%d" % (gateway.name.encode(), number, count))
            count += 1

    await asyncio.gather(*(client(number) for number in range(clients)))


@pytest.mark.slow
@simulated()
async def test_a_far_gateways_records_are_decided_by_a_busy_near_one_each_once(sim: Simulation) -> None:
    cluster = Cluster(sim)
    await cluster.create()
    near, far = cluster.gateway(NEAR), cluster.gateway(FAR)
    busy = asyncio.ensure_future(write_busily(near, 16))
    await sim.clock.sleep(1)
    for number in range(20):
        await far.log.append(b"far/%d" % number)
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    await near.log.sync()
    of_far = [record for record in near.applied if record.startswith(b"far/")]
    assert of_far == [b"far/%d" % number for number in range(20)]
    assert near.log.figures.fast > 20 * near.log.figures.slow / 10, "the near one owned the log all the time"


@simulated()
async def test_an_announcement_whose_slot_nobody_reaches_is_proposed_by_its_maker(sim: Simulation) -> None:
    cluster = Cluster(sim)
    await cluster.create()
    near, far = cluster.gateway(NEAR), cluster.gateway(FAR)
    busy = asyncio.ensure_future(write_busily(near, 16))
    await sim.clock.sleep(1)
    await far.log.append(b"while it is busy")
    writing = asyncio.ensure_future(far.log.append(b"when it has stopped"))
    await sim.clock.sleep(0.06)  # announced, and the near one is not there yet
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    await writing
    await near.log.append(b"after")
    await far.log.sync()
    assert near.applied == far.applied
    assert near.applied.count(b"when it has stopped") == 1


@simulated()
async def test_a_forged_announcement_is_left_out_and_harms_nothing(sim: Simulation) -> None:
    cluster = Cluster(sim)
    await cluster.create()
    near = cluster.gateway(NEAR)
    await near.log.append(b"owner")
    proposer = near.log._committer._proposer
    slot = proposer.slot_at(near.log.slot + 1)
    assert await slot.announce(proposer.next_ballot(slot), b"no announcement at all")
    other = cluster.gateway(NEAR)
    await other.log.append(b"beside it")
    assert other.applied[-1] == b"beside it"
