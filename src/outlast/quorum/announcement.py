"""Announcements: how a gateway that always comes too late gets its records decided all the same.

The owner of the last slot begins the next one the moment that it knows of the decision. A gateway that is
farther away, or only slower, learns of each slot when the next one is already taken. So it *announces*: it
promises a ballot for a slot a little ahead at a majority of the voters, and the states that it creates there
carry its submissions. The owner's round 0 is rejected at that slot; it reads the states and includes what is
announced in its own batch, as helping does in wait-free algorithms (Herlihy, "Wait-free synchronization",
1991). It waits for nobody, and the other gateway need not be there in time.

The invariant: a submission is decided at most once. Whoever proposes for a slot knows every slot before it,
and includes only submissions that none of these holds. An announcement says up to which slot its maker has
looked (`after`), and a proposer includes it only if it remembers every slot after that one itself.

Nothing else rests on an announcement. One that comes too late, or that nobody includes, costs time; and
what its maker was promised is never used for a second phase, so a voter that forgets the promise does no
harm.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from outlast.base.wire import Struct, not_known
from outlast.quorum.batch import Batch, Seal, Submission

# For how many slots a gateway remembers what they held. An announcement is for a slot at most `AHEAD_MAX`
# ahead.
REMEMBERED_SLOTS = 1024
# How far ahead an announcement is made: at least this; twice as far after one that came too late.
AHEAD_MIN = 2
AHEAD_MAX = 256
# By how much faster than was measured the log may move on while an announcement is on its way.
MARGIN = 1.1
# How long the log's speed is measured over. What was seen before says nothing about now.
SPEED_WINDOW_S = 5.0


class Announcement(Struct, frozen=True):
    """What its maker would like to see decided. No slot up to `after` holds any of the submissions."""

    after: int
    submissions: tuple[Submission, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Announcement)


def seal_announcement(seal: Seal, slot: int, announcement: Announcement) -> bytes:
    """The announcement as it lies in the states of `slot`, and of no other."""
    return seal.seal(_encoder.encode(announcement), _bound_to(slot))


def open_announcement(seal: Seal, slot: int, sealed: bytes) -> Announcement:
    """Raises `Tampered` if it was not sealed for this slot by this store, `ConfigError` if a later version
    did.
    """
    try:
        return _decoder.decode(seal.open(sealed, _bound_to(slot)))
    except msgspec.ValidationError as error:
        raise not_known("an announcement", error) from error


def _bound_to(slot: int) -> bytes:
    return b"outlast announcement log/main/%016x" % slot


class RecentSubmissions:
    """Names of the submissions that the last slots hold, as far as this process has applied them itself."""

    def __init__(self, slot: int) -> None:
        """`slot`: the last slot of which nothing is known."""
        self._since = slot
        self._slots: deque[tuple[int, tuple[tuple[bytes, int], ...]]] = deque()
        self._names: set[tuple[bytes, int]] = set()

    def add(self, slot: int, batch: Batch) -> None:
        """The slot, the next one, has been applied."""
        names = tuple(submission.name for submission in batch.submissions)
        self._slots.append((slot, names))
        self._names.update(names)
        if len(self._slots) > REMEMBERED_SLOTS:
            self._since, forgotten = self._slots.popleft()
            self._names.difference_update(forgotten)

    def undecided(self, announcement: Announcement) -> list[Submission]:
        """The announced submissions that no slot so far holds for certain."""
        if announcement.after < self._since:
            return []
        return [one for one in announcement.submissions if one.name not in self._names]


class Speed:
    """How fast the log moves on, seen from here. `seen` by whoever has asked where it ends."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def seen(self, slot: int, asked_at: float) -> None:
        """`slot` was the newest one when a question that was asked at that time was answered."""
        if self._seen and asked_at <= self._seen[-1][0]:
            return
        self._seen.append((asked_at, slot))
        while asked_at - self._seen[0][0] > SPEED_WINDOW_S:
            self._seen.popleft()

    @property
    def slots_per_s(self) -> float:
        """0 where too little was seen."""
        if len(self._seen) < 2:
            return 0.0
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began)

    def slot_to_announce(self, known: int, now: float, misses: int) -> int:
        """A slot that is still free when an announcement that is sent now arrives, and not far ahead.

        `known`: the newest decided slot known here; `misses`: how many announcements came too late last. A
        question takes as long on its way as an announcement does, so both need not be known.
        """
        asked_at, last = self._seen[-1] if self._seen else (now, known)
        moved = MARGIN * self.slots_per_s * (now - asked_at)
        ahead = min(AHEAD_MAX, AHEAD_MIN << min(misses, 8))
        return max(known, last + math.ceil(moved)) + ahead


def included(
    submissions: Iterable[Submission], announced: Sequence[Submission], size_max: int
) -> list[Submission]:
    """`submissions`, and of those announced as many as fit into `size_max` bytes of records, each once."""
    chosen = list(submissions)
    names = {one.name for one in chosen}
    size = sum(one.size for one in chosen)
    for one in announced:
        if one.name not in names and size + one.size <= size_max:
            names.add(one.name)
            chosen.append(one)
            size += one.size
    return chosen
