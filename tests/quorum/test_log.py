"""The log's promises, one by one, in virtual time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from contextlib import suppress

import pytest
from cluster import GENESIS_HASH, Broken, Cluster, Gateway, PlainSeal

from outlast.base import limits
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import ForkedLog, NoMajority
from outlast.providers.memory import MemoryProvider
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import Batch, Submission, seal_batch
from outlast.quorum.pace import QUESTIONS_MAX
from outlast.quorum.slot import PATIENCE_FACTOR
from outlast.quorum.state import StateCodec, decode_state, state_key
from outlast.quorum.waiting import NO_MAJORITY_PATIENCE_S
from outlast.testing.network import Weather
from outlast.testing.simulation import Simulation, simulate

STEADY = Weather(delay_s=(0.01, 0.01))  # a round trip is 20 ms


async def write_state(voter: MemoryProvider, slot: int, state: SlotState) -> None:
    """The slot's first state, as a gateway of the store would have written it."""
    _, data = StateCodec(PlainSeal(), voter.name).encode(slot, None, state)
    await voter.create(state_key(slot, 0), data)


def test_append_returns_the_outcome_of_applying() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        assert await gateway.log.append(b"one") == 1
        assert await gateway.log.append(b"two") == 2
        assert gateway.applied == [b"genesis", b"one", b"two"]

    simulate(1, main)


def test_the_owner_of_the_last_slot_needs_one_round_trip_and_others_two() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        first, second = cluster.gateway(STEADY), cluster.gateway(STEADY)
        await first.log.append(b"takes the log over")
        begun = sim.clock.monotonic()
        await first.log.append(b"fast")
        assert sim.clock.monotonic() - begun == pytest.approx(0.02)
        await second.log.sync()
        begun = sim.clock.monotonic()
        await second.log.append(b"slow")
        assert sim.clock.monotonic() - begun == pytest.approx(0.04)

    simulate(1, main)


def test_sync_needs_one_round_trip_when_nothing_is_new_and_all_share_it() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.sync()
        begun = sim.clock.monotonic()
        await asyncio.gather(*(gateway.log.sync() for _ in range(100)))
        assert sim.clock.monotonic() - begun == pytest.approx(0.02)

    simulate(1, main)


def test_all_that_wait_when_a_slot_begins_go_into_it() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"first")
        before = gateway.log.slot
        await asyncio.gather(*(gateway.log.append(b"%d" % i) for i in range(50)))
        assert gateway.log.slot <= before + 2

    simulate(1, main)


def test_a_write_acknowledged_by_one_gateway_is_seen_by_the_next_sync_of_another() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        first, second = cluster.gateway(), cluster.gateway()
        for i in range(20):
            writer, reader = (first, second) if i % 2 else (second, first)
            await writer.log.append(b"%d" % i)
            await reader.log.sync()
            assert reader.applied[-1] == b"%d" % i

    simulate(1, main)


def test_a_fresh_gateway_learns_a_long_log_many_slots_a_round_trip() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        writer = cluster.gateway()
        for i in range(200):
            await writer.log.append(b"%d" % i)
        fresh = cluster.gateway(STEADY)
        begun = sim.clock.monotonic()
        await fresh.log.sync()
        assert fresh.applied == writer.applied
        assert sim.clock.monotonic() - begun < 200 * 0.02 / 4

    simulate(1, main)


async def timed(sim: Simulation, work: Awaitable[object]) -> float:
    begun = sim.clock.monotonic()
    await work
    return sim.clock.monotonic() - begun


def test_reads_that_come_while_a_long_question_is_under_way_do_not_wait_for_its_end() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"owner")
        await gateway.log.sync()
        await sim.clock.sleep(1)
        asked = [gate.count_calls() for gate in gateway.gates]

        async def come_after(seconds: float) -> float:
            await sim.clock.sleep(seconds)
            return await timed(sim, gateway.log.sync())

        took = await asyncio.gather(*[come_after(0.001 * number) for number in range(200)])
        assert max(took) <= 0.02 * (1 + 1 / QUESTIONS_MAX) + 1e-9
        questions = sum(sum(calls.values()) for calls in asked) / 4  # two voters, slot and marker
        assert questions <= 0.22 / (0.02 / QUESTIONS_MAX) + 1

    simulate(1, main)


def test_one_silent_voter_of_three_delays_no_write_and_one_read() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"owner")
        gateway.links[1].cut = "requests"
        writing, reading = [], []
        for i in range(10):
            writing.append(await timed(sim, gateway.log.append(b"%d" % i)))
            reading.append(await timed(sim, gateway.log.sync()))
        assert writing == pytest.approx([0.02] * 10)
        assert reading == pytest.approx([0.02 + PATIENCE_FACTOR * 0.02] + [0.02] * 9)

    simulate(1, main)


async def with_one_far_away(sim: Simulation) -> Gateway:
    """A gateway that has learned that v0 is forty times as far as the others."""
    cluster = Cluster(sim)
    await cluster.create()
    gateway = cluster.gateway(STEADY)
    gateway.links[0].weather = Weather(delay_s=(0.4, 0.4))
    for i in range(5):
        await gateway.log.append(b"%d" % i)
    await sim.clock.sleep(5)
    return gateway


def test_reads_ask_the_nearest_majority_and_leave_far_voters_alone() -> None:
    async def main(sim: Simulation) -> None:
        gateway = await with_one_far_away(sim)
        asked = [gate.count_calls() for gate in gateway.gates]
        for _ in range(10):
            assert await timed(sim, gateway.log.sync()) == pytest.approx(0.02)
        assert [sum(calls.values()) for calls in asked] == [0, 20, 20]  # the slot and the marker each

    simulate(1, main)


def test_who_was_late_once_is_asked_again_rather_than_waiting_for_who_is_far_away() -> None:
    async def main(sim: Simulation) -> None:
        gateway = await with_one_far_away(sim)
        await gateway.log.sync()
        gateway.links[1].weather = Weather(delay_s=(0.3, 0.3))
        late = asyncio.ensure_future(gateway.log.sync())
        await sim.clock.sleep(0.1)
        gateway.links[1].weather = STEADY
        for _ in range(5):
            assert await timed(sim, gateway.log.sync()) == pytest.approx(0.02)
        await late  # the later questions proved it to be current, too

    simulate(1, main)


def test_a_voter_that_fails_is_replaced_in_a_read_at_once() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"owner")
        gateway.gates[0].shut = True
        for _ in range(10):
            assert await timed(sim, gateway.log.sync()) <= 0.04 + 1e-9

    simulate(1, main)


def test_two_silent_voters_of_three_are_a_clear_error_and_nothing_is_lost_when_they_return() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        cluster.voters = [Broken(f"v{i}", sim.clock) for i in range(3)]
        await cluster.create()
        gateway = cluster.gateway()
        await gateway.log.append(b"before")
        for voter in cluster.voters[:2]:
            voter.broken = True
        begun = sim.clock.monotonic()
        with pytest.raises(NoMajority, match="broken"):
            await gateway.log.append(b"during")
        with pytest.raises(NoMajority):
            await gateway.log.sync()
        assert sim.clock.monotonic() - begun < 10
        for voter in cluster.voters[:2]:
            voter.broken = False
        await gateway.log.append(b"after")
        assert gateway.applied[:2] == [b"genesis", b"before"]
        assert gateway.applied[-1] == b"after"
        assert gateway.applied.count(b"during") <= 1

    simulate(1, main)


def test_an_erased_voter_does_not_count_and_a_reattached_one_does() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        first, second = cluster.gateway(), cluster.gateway()
        await first.log.append(b"kept")
        cluster.checkers.off.add("amnesia")  # v1 forgets one slot only, as no erasure does
        # v1 alone does not know of it; v0 forgets it: a majority {v0, v1} would say that nothing happened.
        await sim.clock.sleep(1)
        for place in range(2):
            await cluster.voters[1].delete(state_key(first.log.slot, place))
        cluster.voters[0].wipe()
        await second.log.sync()
        assert second.applied[-1] == b"kept"
        second.links[2].cut = "requests"
        with pytest.raises(NoMajority, match="is missing: it was emptied"):
            await second.log.sync()
        second.links[2].cut = ""
        fresh = b"f" * 16
        cluster.checkers.off.add("barrier")  # no record names it
        for gateway in (first, second):
            gateway.expect("v0", fresh)
        assert await second.log.refill("v0") == 2
        await cluster.mark(cluster.voters[0], fresh)
        second.links[2].cut = "requests"
        await second.log.append(b"with the reattached voter")

    simulate(1, main)


@pytest.mark.parametrize("what", ["read", "write"])
def test_a_moment_without_a_majority_is_not_told_to_those_who_waited_before(
    what: str,
) -> None:
    """They have waited behind a slow commit when two voters refuse once."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        await gateway.log.append(b"before")
        for link in gateway.links:
            link.weather = Weather(delay_s=(1.5, 1.5))
        slow = asyncio.ensure_future(gateway.log.append(b"slow"))
        await sim.clock.sleep(0.1)
        log, begun = gateway.log, sim.clock.monotonic()
        waiting = asyncio.ensure_future(log.sync() if what == "read" else log.append(b"after"))
        await sim.clock.sleep(2.5)
        for link in gateway.links:
            link.weather = STEADY
        gateway.gates[0].shut = gateway.gates[1].shut = True
        await slow
        while not log.figures.no_majority:
            await sim.clock.sleep(0.01)
        assert sim.clock.monotonic() - begun > NO_MAJORITY_PATIENCE_S
        gateway.gates[0].shut = gateway.gates[1].shut = False
        await waiting

    simulate(1, main)


def test_a_promise_by_somebody_who_died_does_not_hold_the_log_up() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        await gateway.log.append(b"owner")
        for voter in cluster.voters:
            await write_state(voter, 2, SlotState(Ballot(7, b"dead" * 4)))
        await gateway.log.append(b"on")
        assert gateway.applied[-1] == b"on"

    simulate(1, main)


def test_a_value_accepted_by_one_voter_whose_proposer_died_is_carried_on_by_a_reader() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        writer, reader = cluster.gateway(), cluster.gateway()
        await writer.log.append(b"owner")
        batch = Batch(writer.log.hash, b"dead" * 4, (Submission(b"dead" * 4, 1, (b"orphan",)),))
        value = seal_batch(PlainSeal(), 2, batch)
        state = SlotState(Ballot(0, b"dead" * 4), Ballot(0, b"dead" * 4), value)
        await write_state(cluster.voters[0], 2, state)
        reader.links[2].cut = "requests"
        await reader.log.sync()
        assert reader.applied[-1] == b"orphan"
        await writer.log.append(b"after")
        assert writer.applied[-2:] == [b"orphan", b"after"]

    simulate(1, main)


def test_a_forged_value_is_the_voters_failure_and_not_adopted() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        await gateway.log.append(b"owner")
        forged = SlotState(Ballot(99, b"evil" * 4), Ballot(99, b"evil" * 4), b"forged")
        await write_state(cluster.voters[0], 2, forged)
        await gateway.log.append(b"true")
        assert gateway.applied[-1] == b"true"

    simulate(1, main)


def test_another_history_is_noticed() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        await gateway.log.append(b"true")
        cluster.checkers.off.add("chain")
        value = seal_batch(
            PlainSeal(), 2, Batch(b"x" * 32, b"evil" * 4, (Submission(b"evil" * 4, 1, (b"forked",)),))
        )
        state = SlotState(Ballot(0, b"evil" * 4), Ballot(0, b"evil" * 4), value)
        for voter in cluster.voters:
            await write_state(voter, 2, state)
        with pytest.raises(ForkedLog, match="rolled back"):
            await gateway.log.sync()
        with pytest.raises(ForkedLog):
            await gateway.log.append(b"more")

    simulate(1, main)


def test_a_caller_that_gives_up_before_its_slot_begins_is_not_written() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        going = asyncio.ensure_future(gateway.log.append(b"going"))
        await sim.clock.sleep(0.005)
        leaving = asyncio.ensure_future(gateway.log.append(b"leaving"))
        await sim.clock.sleep(0.005)
        leaving.cancel()
        await going
        await gateway.log.append(b"last")
        assert gateway.applied == [b"genesis", b"going", b"last"]

    simulate(1, main)


def test_an_error_of_apply_reaches_the_caller_and_the_slot_is_applied_later() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        await gateway.log.append(b"fine")
        applying = gateway.log._history._apply

        def fail(*_: object) -> list[object]:
            raise OSError("disk full")

        gateway.log._history._apply = fail
        with pytest.raises(OSError, match="disk full"):
            await gateway.log.append(b"decided all the same")
        gateway.log._history._apply = applying
        await gateway.log.sync()
        assert gateway.applied[-1] == b"decided all the same"

    simulate(1, main)


def test_close_tells_those_who_wait() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(Weather(delay_s=(60, 60)))
        waiting = asyncio.ensure_future(gateway.log.append(b"never"))
        await sim.clock.sleep(1)
        await gateway.log.close()
        with pytest.raises(NoMajority, match="closed"):
            await waiting

    simulate(1, main)


def test_a_record_whose_answer_was_lost_is_written_once() -> None:
    """Its value was accepted by one voter; the gateway must go on with that value, not with a new one."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        await gateway.log.append(b"owner")
        for gate in gateway.gates:
            gate.shut = True
        gateway.gates[0].shut, gateway.gates[0].loses_answers = False, True
        writing = asyncio.ensure_future(gateway.log.append(b"once"))
        await sim.clock.sleep(0.5)
        gateway.gates[0].loses_answers = gateway.gates[1].shut = False  # the majority that has it
        await writing
        await gateway.log.append(b"after")
        assert gateway.applied == [b"genesis", b"owner", b"once", b"after"]

    simulate(1, main)


def test_one_ballot_never_stands_for_two_values() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        owner, other = cluster.gateway(), cluster.gateway()
        await owner.log.append(b"owner")
        await other.log.sync()
        owner.gates[0].shut = owner.gates[1].shut = True
        orphan = asyncio.ensure_future(owner.log.append(b"accepted by v2 alone"))
        await sim.clock.sleep(0.2)
        await owner.log.close()
        with pytest.raises(NoMajority):
            await orphan
        # The other's first ballot is accepted by v0 alone, and nobody tells it.
        other.gates[2].shut = True
        promising = other.gates[1]
        promising.shuts_after = 1
        losing = other.gates[0]
        writing = asyncio.ensure_future(other.log.append(b"other"))
        while not promising.shut:
            await sim.clock.sleep(0.001)
        losing.loses_answers = True
        await sim.clock.sleep(0.06)
        losing.shut = True
        other.gates[2].shut = promising.shut = False
        promising.shuts_after = None
        await writing
        values: dict[Ballot, set[bytes]] = {}
        for voter in cluster.voters:
            async for entry in voter.list(state_key(2, 0)):
                state = decode_state(await voter.get(entry.key))
                if state.accepted is not None:
                    values.setdefault(state.accepted, set()).add(state.value)
        assert all(len(accepted) == 1 for accepted in values.values())

    for seed in range(20):
        simulate(seed, main)


@pytest.mark.slow
def test_a_read_is_not_satisfied_by_a_value_that_was_shown_before_it() -> None:
    """Another gateway may have decided that value, and more after it, before the read began."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        first, second = cluster.gateway(), cluster.gateway()
        await first.log.append(b"owner")
        first.gates[1].shut = first.gates[2].shut = True
        writing = asyncio.ensure_future(first.log.append(b"shown"))
        await sim.clock.sleep(0.1)
        second.gates[2].shut = True  # so that the second hears of it
        await second.log.append(b"acknowledged by the second")
        assert second.applied[-2:] == [b"shown", b"acknowledged by the second"]
        reading = asyncio.ensure_future(first.log.sync())
        first.gates[1].shut = first.gates[2].shut = False
        await reading
        assert first.applied[-1] == b"acknowledged by the second"
        with suppress(NoMajority):  # decided by the other, but perhaps after this one's patience
            await writing

    for seed in range(20):
        simulate(seed, main)


def test_what_was_refused_by_all_voters_does_not_come_up_later() -> None:
    """All disks were full. Whoever was told so has gone; there is room again, and others write."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        await gateway.log.append(b"before")
        for gate in gateway.gates:
            gate.full = True
        for _ in range(2):
            with pytest.raises(NoMajority, match="full"):
                await gateway.log.append(b"refused")
        for gate in gateway.gates:
            gate.full = False
        await gateway.log.append(b"after")
        assert gateway.applied == [b"genesis", b"before", b"after"]

    simulate(1, main)


def test_what_one_voter_has_accepted_is_carried_on_though_its_writer_was_told_and_has_gone() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        await gateway.log.append(b"before")
        gateway.gates[0].full = gateway.gates[1].full = True
        with pytest.raises(NoMajority):
            await gateway.log.append(b"accepted by v2")
        gateway.gates[0].full = gateway.gates[1].full = False
        gateway.gates[0].shut = True  # so that it must hear of v2's
        assert await gateway.log.append(b"after") == 3
        assert gateway.applied == [b"genesis", b"before", b"accepted by v2", b"after"]

    simulate(1, main)


def test_who_keeps_trying_without_a_majority_leaves_no_more_and_more_states() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateways = [cluster.gateway(STEADY), cluster.gateway(STEADY)]
        await gateways[0].log.append(b"before")
        for gateway in gateways:
            gateway.links[2].weather = Weather(delay_s=(0.001, 0.001))  # it answers before the full ones do
            gateway.gates[0].full = gateway.gates[1].full = True
        for _ in range(20):
            for gateway in gateways:
                with pytest.raises(NoMajority):
                    await gateway.log.append(b"refused")
        states = [entry async for entry in cluster.voters[2].list(state_key(2, 0))]
        assert len(states) <= 4
        for gateway in gateways:
            gateway.gates[0].full = gateway.gates[1].full = False
        await gateways[1].log.append(b"after")
        assert gateways[1].applied[-1] == b"after"

    simulate(1, main)


def test_the_last_states_tell_what_the_first_ones_hide() -> None:
    """Each voter has first accepted under another ballot. What was decided then is known without a write."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway, reader = cluster.gateway(), cluster.gateway(STEADY)
        await gateway.log.append(b"before")
        cluster.checkers.off.add("promise")  # the dead one has left no promise
        batch = Batch(gateway.log.hash, b"dead" * 4, (Submission(b"dead" * 4, 1, (b"lost",)),))
        lost = seal_batch(PlainSeal(), 2, batch)
        for number, voter in enumerate(cluster.voters[:2]):
            ballot = Ballot(number, b"dead" * 4)
            await write_state(voter, 2, SlotState(ballot, ballot, lost))
        await gateway.log.sync()
        assert gateway.applied == [b"genesis", b"before", b"lost"]
        calls = [gate.count_calls() for gate in reader.gates]
        await reader.log.sync()
        assert reader.applied == gateway.applied
        assert not sum(count["create"] for count in calls)

    simulate(1, main)


def test_reads_go_on_while_writes_are_refused_without_end() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"before")
        for gate in gateway.gates:
            gate.full = True

        async def write() -> None:
            while True:
                with pytest.raises(NoMajority):
                    await gateway.log.append(b"refused")

        writing = [asyncio.ensure_future(write()) for _ in range(3)]
        for _ in range(100):
            begun = sim.clock.monotonic()
            await gateway.log.sync()
            assert sim.clock.monotonic() - begun < 1
            await sim.clock.sleep(0.07)
        for task in writing:
            task.cancel()

    simulate(1, main)


def test_rows_stay_short_while_voters_take_promises_and_refuse_large_values() -> None:
    """Two disks are nearly full: promises fit, values do not. Clients keep trying, and then there is room."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"before")
        for gate in gateway.gates[:2]:
            gate.refused_bytes = 200_000
        rounds = 20
        for _ in range(rounds):
            results = await asyncio.gather(
                *(gateway.log.append(bytes([n]) * 290_000) for n in range(3)), return_exceptions=True
            )
            assert all(isinstance(result, NoMajority) for result in results)
        slots = Counter(key.partition(".")[0] for voter in cluster.voters for key in voter.contents())
        assert max(slots.values()) <= 3 * (rounds + 4), "one promise at most for all that are told"
        for gate in gateway.gates:
            gate.refused_bytes = None
        await gateway.log.append(b"after")

    simulate(1, main)


def test_a_slow_uplink_carries_as_much_as_fits() -> None:
    """Thirty clients share 10 Mbit/s: all that waits at once would not arrive in time, however often sent."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(Weather(delay_s=(0.02, 0.02), patience_s=60))
        bytes_per_s, size, seconds = 1_250_000, 100_000, 60
        uplink = asyncio.Lock()

        async def send(count: int) -> None:
            for _ in range(0, count, 32_768):
                async with uplink:
                    await sim.clock.sleep(32_768 / bytes_per_s)

        for gate in gateway.gates:
            gate.send = send
        written = 0

        async def client(number: int) -> None:
            nonlocal written
            while True:
                await gateway.log.append(bytes([number]) * size)
                written += 1

        clients = [asyncio.ensure_future(client(number)) for number in range(30)]
        await sim.clock.sleep(seconds)
        assert not any(one.done() for one in clients), "nobody is told that there is no majority"
        await cancel_and_wait(clients)
        possible = bytes_per_s / 3 / size * seconds
        assert written > possible / 2

    simulate(1, main)


def test_a_gateway_whose_own_work_fills_every_batch_includes_what_others_announce(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "batch_bytes_max", 400)

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        busy, other = cluster.gateway(STEADY), cluster.gateway(STEADY)

        async def client(number: int) -> None:
            while True:
                await busy.log.append(bytes([number]) * 100)

        clients = [asyncio.ensure_future(client(number)) for number in range(64)]
        await sim.clock.sleep(1)
        for _ in range(20):
            begun = sim.clock.monotonic()
            await other.log.append(bytes(100))
            assert sim.clock.monotonic() - begun < 1
        await cancel_and_wait(clients)

    simulate(1, main)


def test_a_log_that_is_learned_anew_uses_no_ballot_a_second_time() -> None:
    """A catalog is rebuilt while a writer waits, and in the middle the network is gone for a moment.

    One voter was away while this gateway wrote, so it would accept a second value under the same ballot.
    """

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"first")
        gateway.gates[2].shut = True
        for number in range(300):
            await gateway.log.append(b"%d" % number)
        anew: list[bytes] = []

        def apply(slot: int, digest: bytes, records: Sequence[bytes]) -> list[object]:
            first = len(anew)
            anew.extend(records)
            return list(range(first, len(anew)))

        waiting = asyncio.ensure_future(gateway.log.append(b"in flight"))
        await sim.clock.sleep(0.001)
        precious = asyncio.ensure_future(gateway.log.append(b"precious"))
        await sim.clock.sleep(0)
        await gateway.log.begin_again(lambda: (apply, (-1, GENESIS_HASH)))
        replay = asyncio.ensure_future(gateway.log.sync())
        while not 100 <= gateway.log.slot < 250:
            await sim.clock.sleep(0.0005)
        for gate in gateway.gates:
            gate.shut = True
        await sim.clock.sleep(0.1)
        for gate in gateway.gates[1:]:
            gate.shut = False
        await asyncio.gather(waiting, precious, replay, return_exceptions=True)
        gateway.gates[0].shut = False
        await gateway.log.sync()
        fresh = cluster.gateway(STEADY)
        await fresh.log.sync()
        assert fresh.applied == anew
        if precious.exception() is None:
            assert b"precious" in fresh.applied

    simulate(1, main)


def test_what_was_too_large_for_a_slow_uplink_does_not_stop_those_who_come_after() -> None:
    """A near voter takes a burst at once. The far ones would have to, and what is given up is not sent."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(Weather(delay_s=(0.005, 0.005), patience_s=60))

        async def send(count: int) -> None:
            await sim.clock.sleep(count / 250_000)

        for gate in gateway.gates[1:]:
            gate.send = send
        gateway.links[0].weather = Weather(delay_s=(0.0001, 0.0001))
        burst = [gateway.log.append(bytes([number]) * 100_000) for number in range(40)]
        await asyncio.gather(*burst, return_exceptions=True)
        for _ in range(10):
            await gateway.log.append(b"small")

    simulate(1, main)


def test_what_was_refused_by_all_does_not_come_up_with_what_is_written_later() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"before")
        for gate in gateway.gates:
            gate.refused_bytes = 200_000
        with pytest.raises(NoMajority):
            await gateway.log.append(bytes(300_000))
        for gate in gateway.gates:
            gate.refused_bytes = None
        await sim.clock.sleep(3600)
        await gateway.log.append(bytes(160_000))
        assert [len(record) for record in gateway.applied] == [len(b"genesis"), 6, 160_000]

    simulate(1, main)


@pytest.mark.slow
def test_reads_that_find_no_majority_leave_no_copies_of_a_large_value() -> None:
    """One voter holds it, one takes promises and refuses values, one is away; a reader keeps trying."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"before")
        gateway.gates[1].refused_bytes = 20_000
        gateway.gates[2].shut = True
        with pytest.raises(NoMajority):
            await gateway.log.append(bytes(60_000))

        def states() -> int:
            return sum(key.startswith("log/") for key in cluster.voters[0].contents())

        for _ in range(3):
            with pytest.raises(NoMajority):
                await gateway.log.sync()
        held = states()
        for _ in range(10):
            with pytest.raises(NoMajority):
                await gateway.log.sync()
        assert states() == held

    simulate(1, main)
