"""The names of the log's slot states, and the names that the disk reserves for its own journals.

`log/main/000000000000002a` and `log/main/000000000000002a.1` are two states of slot 42. 256 slots share a
segment, `log/main/0000000000000000.journal`, and `log/main/segments` lists the segments. No object can have
a journal's name, nor a name below that of a state.
"""

import re
from typing import NamedTuple

FOLDER = "log/main"
LIST_NAME = "segments"
LIST = f"{FOLDER}/{LIST_NAME}"
SUFFIX = ".journal"
slots_per_segment = 256

_state = re.compile(rf"{FOLDER}/([0-9a-f]{{16}})(?:\.([1-9][0-9]{{0,8}}))?", re.ASCII)
_own = re.compile(
    rf"{LIST}(?:/.*)?|{FOLDER}/[0-9a-f]{{16}}(?:{re.escape(SUFFIX)}(?:/.*)?|(?:\.[0-9]+)?/.*)", re.ASCII
)
_segment = re.compile(rf"([0-9a-f]{{16}}){re.escape(SUFFIX)}", re.ASCII)


class StateName(NamedTuple):
    """A state of a slot; `place` is its index among the slot's states."""

    slot: int
    place: int

    @property
    def first(self) -> int:
        """The first slot of its segment."""
        return self.slot // slots_per_segment * slots_per_segment

    @property
    def key(self) -> str:
        return f"{FOLDER}/{self.slot:016x}.{self.place}" if self.place else f"{FOLDER}/{self.slot:016x}"


def state_of(key: str) -> StateName | None:
    """The state with this name; None if it is another object's name."""
    found = _state.fullmatch(key)
    return None if found is None else StateName(int(found[1], 16), int(found[2] or 0))


def is_own(key: str) -> bool:
    """Whether the name is reserved, so that no object can have it."""
    return _own.fullmatch(key) is not None


def segment_path(root: str, first: int) -> str:
    """The path of the segment that begins with that slot."""
    return f"{root}/{FOLDER}/{first:016x}{SUFFIX}"


def segment_of(name: str) -> int | None:
    """The first slot of the segment with that file name; None if it is something else."""
    found = _segment.fullmatch(name)
    first = None if found is None else int(found[1], 16)
    return first if first is None or first % slots_per_segment == 0 else None
