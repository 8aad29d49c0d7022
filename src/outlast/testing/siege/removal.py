"""Emptying a directory as people and programs do: in some order, fast or slowly, while it is written to.

One pass, like that of `rm -rf *`: what is created behind it stays, and so does a folder that is not empty by
then. Files that vanish before their turn are skipped.
"""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from outlast.testing.siege.dice import Dice

MARKER = "0-outlast"
LOG = "log"


class Order(StrEnum):
    """The order in which files are removed."""

    DIRECTORY = "directory"
    """As the directories list them, which is the order of `rm -rf`."""
    LOG_FIRST = "log-first"
    """The log, then the rest, and the marker last."""
    MARKER_FIRST = "marker-first"
    """The marker, then the rest; as `rm -rf *` in a shell, or emptying a bucket by name."""
    RANDOM = "random"
    """A random order of the files that are there at the beginning."""
    LOG_ONLY = "log-only"
    """The log alone."""


class RemovalPace(StrEnum):
    """How fast files are removed."""

    FAST = "fast"
    """Without a pause."""
    EVENLY = "evenly"
    """Spread over some seconds."""
    IN_STEPS = "in steps"
    """With a pause after each file or folder of the top level, as if each held very much."""


ORDERS = (Order.DIRECTORY, Order.LOG_FIRST, Order.LOG_FIRST, Order.MARKER_FIRST, Order.RANDOM)
"""The orders that remove everything. The one in which the marker outlives the log is picked more often."""


def removal(root: Path, order: Order, dice: Dice) -> Iterator[Path]:
    """Remove what is in `root`, a file or folder at each step, and yield its path."""
    match order:
        case Order.DIRECTORY:
            yield from _emptied(root)
        case Order.RANDOM:
            for path in dice.shuffled(sorted(path for path in root.rglob("*") if path.is_file())):
                yield from _removed(path)
            yield from _emptied(root)
        case _:
            for path in _entries(root, order):
                yield from _removed(path)


def count(root: Path) -> int:
    """Count files and folders, approximately; others write there."""
    return sum(len(folders) + len(files) for _, folders, files in os.walk(root))


def _entries(root: Path, order: Order) -> list[Path]:
    """List `root` in the order of removal; the log alone if only that is removed."""
    if order is Order.LOG_ONLY:
        return [root / LOG]
    first, last = (LOG, MARKER) if order is Order.LOG_FIRST else (MARKER, "")
    rank = {first: 0, last: 2}
    return sorted(root.iterdir(), key=lambda path: (rank.get(path.name, 1), path.name))


def _removed(path: Path) -> Iterator[Path]:
    """Remove a file, or a folder with its content."""
    try:
        if path.is_dir():
            yield from _emptied(path)
            path.rmdir()
        else:
            path.unlink()
    except OSError:
        pass  # removed already, or written to meanwhile: `rm` complains and continues
    yield path


def _emptied(folder: Path) -> Iterator[Path]:
    """Remove the content of a folder, in its own order."""
    try:
        with os.scandir(folder) as listed:
            for entry in listed:
                yield from _removed(Path(entry.path))
    except OSError:
        pass  # the folder itself has been removed
