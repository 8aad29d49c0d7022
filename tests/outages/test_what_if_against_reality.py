"""What `what_if` says is what the store does: random stores, random outages, each object read, writes tried.

The stores are real and run in the simulator; only their providers are dicts. A failure names its seed:
`simulate(seed, lambda sim: compare(sim, seed))` has it again.
"""

import os

import pytest
from tests.outages.random_stores import RandomStore, Seen

from outlast.outages.holdings import holdings
from outlast.outages.outcome import SUMMARIES, Outcome
from outlast.outages.what_if import Outage, Verdict, outage_of, what_if
from outlast.store.status import status_of
from outlast.testing.simulation import Simulation, simulate

pytestmark = pytest.mark.usefixtures("small_sizes")

SEEDS = 200 if os.environ.get("OUTLAST_TEST_MANY") else 60
FAST = 20


def states(store: RandomStore) -> dict[str, str]:
    """Who is not well, as `outlast status` has it."""
    found = status_of(store.world.store.catalog.state, store.world.store.fleet)
    return {one.name: one.state for one in found.providers if one.state != "healthy"}


def draw_outage(store: RandomStore) -> Outage:
    chance = store.chance
    placed = [domain for domain in store.domains if domain.kind not in ("gateway", "key")]
    chosen = chance.sample(placed, min(len(placed), chance.choice([1, 1, 1, 1, 2, 2, 3])))
    return outage_of(chosen, chance.choice(["unreachable", "lost"]))


def severity(outcome: Outcome) -> int:
    return SUMMARIES.index(outcome.summary)


def reads(seen: Seen, store: RandomStore, outcome: Outcome) -> str:
    """The effect on reads; a store without objects shows it by whether it can be asked at all."""
    if not store.objects:
        return "nothing" if seen.small else "lost"
    if not seen.unreadable:
        return "nothing"
    return "lost" if len(seen.unreadable) == len(store.objects) else "degraded"


def check_exact(verdict: Verdict, seen: Seen, store: RandomStore, told: str) -> None:
    """Nothing was unknown: each answer is what really happened."""
    outcome = verdict.most
    size = sum(len(store.objects[key]) for key in seen.unreadable)
    assert (outcome.unreadable.objects, outcome.unreadable.bytes) == (len(seen.unreadable), size), told
    assert outcome.reads == reads(seen, store, outcome), told
    assert outcome.writes == ("nothing" if seen.large else "degraded" if seen.small else "lost"), told


def check_between(verdict: Verdict, seen: Seen, told: str) -> None:
    """What really happened lies between the two ends."""
    least, most = verdict.least, verdict.most
    assert least.unreadable.objects <= len(seen.unreadable) <= most.unreadable.objects, told
    assert seen.large or most.writes != "nothing", told
    assert seen.small or most.writes == "lost", told
    assert not seen.large or least.writes == "nothing", told
    assert not seen.small or least.writes != "lost", told


async def compare(sim: Simulation, seed: int) -> str:
    """One store, one outage; the verdict's summary."""
    store = RandomStore(sim, seed)
    await store.fill()
    if store.chance.random() < 0.5:
        await store.lose_fragments()
    down, erased = await unwell(store)
    now = states(store)
    assert now == dict.fromkeys(down, "down") | dict.fromkeys(erased, "estranged")
    outage = draw_outage(store)
    before = holdings(store.world.store.catalog.state)
    verdict = what_if(before, outage, now)
    told = f"seed {seed}: {store.policy} {store.members} {store.world.voters} now {now}\n{verdict}\n{before}"

    hit = outage.providers | {name for name in sorted(outage.maybe) if store.chance.random() < 0.5}
    lost = erased | (hit if outage.manner == "lost" else frozenset())
    await store.erase(lost - erased)
    await store.take_away(hit - lost - down)
    if store.chance.random() < 0.3:
        await store.start_gateway()
    seen = await store.look()
    check_between(verdict, seen, told)
    if not outage.maybe:
        check_exact(verdict, seen, store, told)
    await store.bring_back((down | hit) - lost)
    await check_what_is_left(store, verdict, lost, told)
    await store.world.close()
    return verdict.summary


async def unwell(store: RandomStore) -> tuple[frozenset[str], frozenset[str]]:
    """Who is down, and who is erased, before the outage: mostly nobody."""
    name, fate = store.chance.choice(store.members).name, store.chance.random()
    down = frozenset({name} if fate < 0.2 else ())
    erased = frozenset({name} if 0.2 <= fate < 0.3 else ())
    await store.take_away(down)
    await store.erase(erased)
    return down, erased


async def check_what_is_left(store: RandomStore, verdict: Verdict, lost: frozenset[str], told: str) -> None:
    """Everybody is back but those that were erased: what cannot be read now is what was said to be lost."""
    voters = store.world.voters
    if sum(voter not in lost for voter in voters) <= len(voters) // 2:
        assert verdict.most.data == "lost", told
        return
    gone = sum([not await store.reads(key) for key in store.objects])
    assert verdict.least.lost.objects <= gone <= verdict.most.lost.objects, told
    if not verdict.outage.maybe:
        assert gone == verdict.most.lost.objects, told


@pytest.mark.slow
def test_what_if_says_what_happens() -> None:
    summaries = {simulate(seed, lambda sim, seed=seed: compare(sim, seed)) for seed in range(FAST)}
    assert {"redundancy-less", "read-loss", "data-loss"} <= summaries, "these seeds show too little"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(FAST, SEEDS, 20))
def test_what_if_says_what_happens_in_many_stores(first: int) -> None:
    for seed in range(first, first + 20):
        simulate(seed, lambda sim, seed=seed: compare(sim, seed))
