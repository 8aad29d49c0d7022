"""Several processes on one directory, some of them killed."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outlast.providers.disk import DiskProvider

from . import disk_writers

script = Path(disk_writers.__file__)


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[DiskProvider]:
    disk = DiskProvider("disk", tmp_path / "root")
    await disk.prepare()
    yield disk
    await disk.close()


def start(what: str, disk: DiskProvider, *arguments: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(script), what, str(disk.root), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_a_writer_killed_at_any_moment_leaves_whole_objects_and_all_that_was_acknowledged(
    disk: DiskProvider,
) -> None:
    for number in range(6):
        writer = start("put", disk)
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]
        await asyncio.sleep(0.03 + 0.017 * number)
        writer.kill()
        lines += writer.stdout.readlines()
        writer.wait()
        acknowledged = dict(line.split() for line in lines if line.endswith("\n"))
        for key in disk_writers.keys:
            if key in acknowledged:
                present = disk_writers.number_in(key, await disk.get(key))
                assert present in (int(acknowledged[key]), int(acknowledged[key]) + 1)
        listed = [entry.key async for entry in disk.list("")]
        assert set(listed) <= set(disk_writers.keys)
        for key in listed:
            disk_writers.number_in(key, await disk.get(key))


async def test_of_32_racers_in_two_processes_one_creates(disk: DiskProvider) -> None:
    rounds = 20
    racers = [start("race", disk, rounds, 16) for _ in range(2)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for number in range(rounds):
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        won = 0
        for racer in racers:
            assert racer.stdout is not None
            won += int(racer.stdout.readline())
        assert won == 1, f"round {number}"
    for racer in racers:
        racer.communicate()


async def test_a_call_that_hangs_in_the_kernel_does_not_keep_the_process_from_ending(
    disk: DiskProvider,
) -> None:
    began = time.monotonic()
    process = start("stuck", disk)
    output, _ = process.communicate(timeout=20)
    assert output == "over\n"
    assert process.returncode == 0
    assert time.monotonic() - began < 10
