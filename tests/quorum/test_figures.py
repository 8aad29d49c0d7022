"""The log counts its rounds, decisions, commits and reads as they happen."""

import asyncio

import pytest
from cluster import Cluster

from outlast.base.errors import NoMajority
from outlast.testing.network import Weather
from outlast.testing.simulation import Simulation, simulated

STEADY = Weather(delay_s=(0.01, 0.01))  # a round trip is 20 ms


@simulated()
async def test_the_first_write_is_decided_slowly_and_the_next_in_a_fast_round(sim: Simulation) -> None:
    cluster = Cluster(sim)
    await cluster.create()
    log = cluster.gateway(STEADY).log
    await log.append(b"takes the log over")
    assert log.figures.slow >= 1 and log.figures.fast == 0
    assert log.figures.rounds["ballot"] >= 1 and log.figures.rounds["fast"] == 0
    slow = log.figures.slow
    await log.append(b"fast")
    assert (log.figures.fast, log.figures.slow, log.figures.rounds["fast"]) == (1, slow, 1)


@simulated()
async def test_commits_are_timed_by_record_and_batches_measured(sim: Simulation) -> None:
    cluster = Cluster(sim)
    await cluster.create()
    log = cluster.gateway(STEADY).log
    await log.append(b"takes the log over")
    seconds = log.figures.commit_s.total
    await asyncio.gather(*(log.append(b"%d" % number) for number in range(50)))
    figures = log.figures
    assert sum(figures.commit_s.counts) == 51
    assert figures.batch_records.total == 51
    assert sum(figures.batch_records.counts) == sum(figures.batch_bytes.counts) <= 3
    assert figures.batch_bytes.total > 51
    assert figures.commit_s.total - seconds >= 50 * 0.02


@simulated()
async def test_reads_that_ride_and_reads_that_ask_are_told_apart(sim: Simulation) -> None:
    cluster = Cluster(sim)
    await cluster.create()
    log = cluster.gateway(STEADY).log
    await log.append(b"takes the log over")
    await asyncio.gather(*(log.sync() for _ in range(7)))
    assert (log.figures.reads_rode, log.figures.reads_asked) == (0, 7)
    writing = asyncio.ensure_future(log.append(b"taken along"))
    await asyncio.gather(writing, *(log.sync() for _ in range(5)))
    assert (log.figures.reads_rode, log.figures.reads_asked) == (5, 7)


@simulated()
async def test_tries_without_a_majority_are_counted(sim: Simulation) -> None:
    cluster = Cluster(sim)
    await cluster.create()
    gateway = cluster.gateway(STEADY)
    await gateway.log.append(b"all is well")
    assert gateway.log.figures.no_majority == 0
    for gate in gateway.gates[:2]:
        gate.shut = True
    with pytest.raises(NoMajority):
        await gateway.log.append(b"not now")
    assert gateway.log.figures.no_majority > 1
    assert sum(gateway.log.figures.commit_s.counts) == 1


@simulated()
async def test_what_others_decided_is_not_counted_as_decided_here(sim: Simulation) -> None:
    cluster = Cluster(sim)
    await cluster.create()
    writer, reader = cluster.gateway(STEADY), cluster.gateway(STEADY)
    for number in range(10):
        await writer.log.append(b"%d" % number)
    await reader.log.sync()
    assert reader.log.slot == writer.log.slot
    assert reader.log.figures.fast + reader.log.figures.slow == 0
    assert sum(reader.log.figures.commit_s.counts) == 0
