"""The cost of a vote on a disk: in a journal, as a file of its own, and as a bare append.

One thread votes through the disk provider's own code (`Tree`), under the marker, as a gateway does. Each
round takes the three in turn, a few votes each, so that a disk that gets slow for a second does so for all of
them; medians of the rounds are compared.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.measurement import Measurement, rate
from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.providers.disk.slots import StateName
from outlast.providers.disk.system import System
from outlast.providers.disk.tree import Tree
from outlast.providers.marker import MARKER_KEY, Marker

vote_bytes = 4608  # a batch of one small object, sealed
rounds = 40
votes_per_round = 25

Vote = Callable[[int], None]
"""Casts the vote in the slot of that number."""


def measure(place: Path) -> list[Measurement]:
    """Votes a second of one thread in the directory `place`. Raises SystemExit where journals cannot be."""
    content = os.urandom(vote_bytes)
    ways = {
        "journal": _voter(place / "journal", content, journal=True),
        "file": _voter(place / "files", content, journal=False),
        "bare": _appender(place / "bare", content),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, vote in ways.items():
            begun = time.perf_counter()
            for slot in range(number * votes_per_round, (number + 1) * votes_per_round):
                vote(slot)
            if number:  # the first round makes folders and journals
                took[name].append(votes_per_round / (time.perf_counter() - begun))
    times = statistics.median(one / other for one, other in zip(took["journal"], took["file"], strict=True))
    of = "a bare append and fdatasync"
    return [
        rate("vote in a journal", "/s", took["journal"], took["bare"], of, f"{times:.2f} times a file's"),
        rate("vote as a file", "/s", took["file"], took["bare"], of),
    ]


def _voter(root: Path, content: bytes, journal: bool) -> Vote:
    tree = Tree(System(), "disk", str(root), SystemClock(), SystemEntropy())
    tree.prepare()
    marker = Marker(bytes(16), "disk", bytes(16))
    segments = tree.begin_log() if journal else None
    if journal and segments is None:
        raise SystemExit(f"{root}: no file system on which journals are kept")
    tree.put(MARKER_KEY, replace(marker, segments=segments).encode(), None)
    return lambda slot: tree.create(StateName(slot, 0).key, content, marker)


def _appender(path: Path, content: bytes) -> Vote:
    """The least that makes a vote durable: nothing is looked at, one descriptor is kept open."""
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def append(_: int) -> None:
        os.write(file, content)
        os.fdatasync(file)

    return append
