"""Processes that write into a disk provider, for tests that kill them or have them race.

python disk_writers.py put ROOT          writes until killed; prints each acknowledged `KEY ROUND`
python disk_writers.py race ROOT ROUNDS RACERS
    for each line read from stdin races RACERS tasks to create `race/ROUND`; prints how many have
python disk_writers.py stuck ROOT        asks for a file that hangs, prints, and ends
"""

import asyncio
import hashlib
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from outlast.base.errors import Exists
from outlast.providers.disk import DiskProvider
from outlast.providers.disk.system import System

keys = [f"x/{number:02x}/object" for number in range(4)] + ["top", "log/main/0000000000000000"]


class Hanging(System):
    """Opening what is called `hangs` never ends, as on a disk that does not answer."""

    def open_read(self, path: str) -> int:
        if path.endswith("/hangs"):
            threading.Event().wait()
        return super().open_read(path)


def checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def content(key: str, number: int) -> bytes:
    """Content that can be checked: its own checksum first."""
    body = f"{key} {number} ".encode() * (1 + number % 4000)
    return checksum(body) + body


def number_in(key: str, data: bytes) -> int:
    """Which write of `key` this is. Asserts that it is one, whole."""
    assert data[:32] == checksum(data[32:]), f"a torn object: {key}"
    name, number, _ = data[32:].split(b" ", 2)
    assert name.decode() == key
    return int(number)


async def put(disk: DiskProvider) -> None:
    async def go_on(key: str) -> None:
        number = 0
        while True:
            number += 1
            await disk.put(key, content(key, number))
            print(key, number, flush=True)

    await asyncio.gather(*map(go_on, keys))


async def race(disk: DiskProvider, rounds: int, racers: int) -> None:
    async def won(write: Callable[[], Awaitable[None]]) -> bool:
        try:
            await write()
        except Exists:
            return False
        return True

    print("ready", flush=True)
    for number in range(rounds):
        sys.stdin.readline()
        created = await asyncio.gather(
            *(won(lambda: disk.create(race_key(number), b"%d" % id(disk))) for _ in range(racers))  # noqa: B023  awaited in this round
        )
        print(sum(created), flush=True)


def race_key(number: int) -> str:
    """An object, or a state of a slot."""
    return f"log/main/{number:016x}" if number % 2 else f"race/{number}"


async def stuck(disk: DiskProvider) -> None:
    task = asyncio.ensure_future(disk.get("hangs"))
    await asyncio.wait([task], timeout=0.05)
    task.cancel()
    print("over", flush=True)


async def main(what: str, root: str, *arguments: str) -> None:
    disk = DiskProvider("disk", Path(root), system=Hanging())
    work = {"put": put, "race": race, "stuck": stuck}[what]
    await work(disk, *map(int, arguments))  # type: ignore[operator]  # each takes its own numbers
    await disk.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
