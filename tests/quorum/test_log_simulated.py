"""The log under storms, crashes and erased voters: many seeds, the production code, virtual time."""

import asyncio
import contextlib
import os

import pytest
from cluster import Cluster, Gateway

from outlast.base import limits
from outlast.base.errors import NoMajority, ProviderError
from outlast.providers.marker import MARKER_KEY
from outlast.testing.network import FAIR, STORMY, Weather
from outlast.testing.simulation import Simulation, simulate

RECORDS_PER_CLIENT = 12


class Scenario:
    """Clients on several gateways append and sync while everything goes wrong; then all is checked."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.chance = sim.entropy_of("scenario")
        self.cluster = Cluster(sim, 3 if self.chance.uniform(0, 1) < 0.7 else 5)
        self.gateways: list[Gateway] = []
        self.acknowledged: set[bytes] = set()
        self.syncs = 0
        self.incarnation = 0
        self.known: dict[str, bytes] = {}

    async def run(self) -> None:
        await self.cluster.create()
        weather = STORMY if self.chance.uniform(0, 1) < 0.6 else FAIR
        clients = [
            self.client(
                number, weather if self.chance.uniform(0, 1) < 0.8 else Weather(delay_s=(0.001, 0.002))
            )
            for number in range(3)
        ]
        trouble = asyncio.ensure_future(self.trouble())
        await asyncio.gather(*clients)
        trouble.cancel()
        await self.check()

    async def client(self, number: int, weather: Weather) -> None:
        """Appends and syncs through a gateway that crashes now and then."""
        gateway = self.start(weather)
        for i in range(RECORDS_PER_CLIENT):
            record = b"%d/%d" % (number, i)
            with contextlib.suppress(NoMajority):
                await gateway.log.append(record)
                self.acknowledged.add(record)
            expected = set(self.acknowledged)
            with contextlib.suppress(NoMajority):
                await gateway.log.sync()
                missing = expected - set(gateway.applied)
                assert not missing, f"{gateway.name} is current without {missing}"
                self.syncs += 1
            if self.chance.uniform(0, 1) < 0.1:
                await gateway.log.close()
                gateway = self.start(weather)
            await self.sim.clock.sleep(self.chance.uniform(0, 0.3))

    def start(self, weather: Weather) -> Gateway:
        gateway = self.cluster.gateway(weather)
        for voter, incarnation in self.known.items():
            gateway.expect(voter, incarnation)
        self.gateways.append(gateway)
        return gateway

    async def trouble(self) -> None:
        """Cuts links for a while; now and then erases a voter and has it taken back."""
        while True:
            await self.sim.clock.sleep(self.chance.uniform(0.1, 2))
            gateway = self.gateways[int(self.chance.uniform(0, len(self.gateways) - 0.001))]
            link = gateway.links[int(self.chance.uniform(0, len(gateway.links) - 0.001))]
            kind = self.chance.uniform(0, 1)
            if kind < 0.4:
                link.cut = "requests" if kind < 0.2 else "answers"
                await self.sim.clock.sleep(self.chance.uniform(0, 3))
                link.cut = ""
            elif kind < 0.6:
                await self.erase_and_take_back()

    async def erase_and_take_back(self) -> None:
        """The order is the whole point: record, then refill, then marker (docs/internals/decisions, amnesia).

        So is that of an erasure: what goes within one operation's time is not noticed in that operation.
        """
        voter = self.cluster.voters[int(self.chance.uniform(0, len(self.cluster.voters) - 0.001))]
        await voter.delete(MARKER_KEY)
        await self.sim.clock.sleep(limits.log_operation_s_max)
        voter.wipe()
        await self.sim.clock.sleep(self.chance.uniform(0, 2))
        repairer = self.start(FAIR)
        while True:
            try:
                self.incarnation += 1
                fresh = b"%016d" % self.incarnation
                await repairer.log.append(b"reattach %s %s" % (voter.name.encode(), fresh))
                self.known[voter.name] = fresh
                for gateway in self.gateways:
                    gateway.expect(voter.name, fresh)
                await repairer.log.refill(voter.name)
                await self.cluster.mark(voter, fresh)
                return
            except (NoMajority, ProviderError):
                await self.sim.clock.sleep(1)

    async def check(self) -> None:
        """One history for all, nothing acknowledged is missing, nothing is there twice."""
        reader = self.start(FAIR)
        await reader.log.sync()
        history = reader.applied
        written = [record for record in history if b"/" in record]
        assert len(written) == len(set(written)), "a record was applied twice"
        assert self.acknowledged <= set(written), f"lost: {self.acknowledged - set(written)}"
        for gateway in self.gateways:
            assert gateway.applied == history[: len(gateway.applied)], f"{gateway.name} saw another history"
        assert not self.cluster.errors


def run(seed: int) -> tuple[int, int]:
    """(records acknowledged, fingerprint) of one seed."""

    async def main(sim: Simulation) -> tuple[int, int]:
        scenario = Scenario(sim)
        await scenario.run()
        return len(scenario.acknowledged), sim.fingerprint

    return simulate(seed, main)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50 if os.environ.get("OUTLAST_TEST_MANY") else 8))
def test_one_history_whatever_happens(seed: int) -> None:
    run(seed)


@pytest.mark.skipif(not os.environ.get("OUTLAST_TEST_MANY"), reason="minutes: run by `make many`")
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(1000, 1100, 20))
def test_one_history_whatever_happens_in_many_seeds(first: int) -> None:
    acknowledged = [run(seed)[0] for seed in range(first, first + 20)]
    mean = sum(acknowledged) / len(acknowledged)
    assert mean > 1.2 * RECORDS_PER_CLIENT, "hardly anything succeeded: the test proves nothing"


@pytest.mark.slow
def test_the_same_seed_is_the_same_run() -> None:
    assert run(7) == run(7) != run(8)
