"""Announcements: how a gateway that always comes too late still gets its records decided.

The owner of the last slot begins the next one as soon as it knows the decision. A gateway that is farther
away, or just slower, learns of each slot when the next one is already taken. So it *announces*: it obtains
promises for a ballot in a slot a little ahead from a majority of the voters, and the states that it creates
there carry its submissions. The owner's round 0 is rejected at that slot; the owner reads the states and
includes the announced submissions in its own batch, like helping in wait-free algorithms (Herlihy, "Wait-free
synchronization", 1991). It waits for no other gateway, and the announcing gateway need not be there in time.

The invariant: a submission is decided at most once. A proposer for a slot knows every slot before it, and
includes only submissions that none of these holds. An announcement states the last slot that its author knew
(`after`), and a proposer includes it only if it remembers every slot after that one itself.

Nothing else depends on announcements. One that comes too late, or that no proposer includes, only costs time.
The promises behind it are never used for a second phase, so a voter that forgets one does no harm.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from outlast.base.wire import Struct, not_known
from outlast.quorum.batch import Batch, Seal, Submission

# A gateway remembers the contents of this many slots. An announcement is at most `AHEAD_MAX` slots ahead.
REMEMBERED_SLOTS = 1024
# How far ahead a slot is announced for: at least this, and twice as far after an announcement came too late.
AHEAD_MIN = 2
AHEAD_MAX = 256
# How much faster than measured the log may advance while an announcement is in flight.
MARGIN = 1.1
# The window over which the log's speed is measured. Older observations say nothing about the current speed.
SPEED_WINDOW_S = 5.0


class Announcement(Struct, frozen=True):
    """Submissions that its author wants decided. No slot up to `after` holds any of them."""

    after: int
    submissions: tuple[Submission, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Announcement)


def seal_announcement(seal: Seal, slot: int, announcement: Announcement) -> bytes:
    """The announcement as stored in the states of `slot`, and valid in no other slot."""
    return seal.seal(_encoder.encode(announcement), _bound_to(slot))


def open_announcement(seal: Seal, slot: int, sealed: bytes) -> Announcement:
    """Open an announcement.

    Raises `Tampered` if this store did not seal it for this slot, `ConfigError` if a later version wrote it.
    """
    try:
        return _decoder.decode(seal.open(sealed, _bound_to(slot)))
    except msgspec.ValidationError as error:
        raise not_known("an announcement", error) from error


def _bound_to(slot: int) -> bytes:
    return b"outlast announcement log/main/%016x" % slot


class RecentSubmissions:
    """Names of the submissions in the latest slots, as far as this process has applied them itself."""

    def __init__(self, slot: int) -> None:
        """`slot`: the last slot whose contents are not known."""
        self._since = slot
        self._slots: deque[tuple[int, tuple[tuple[bytes, int], ...]]] = deque()
        self._names: set[tuple[bytes, int]] = set()

    def add(self, slot: int, batch: Batch) -> None:
        """Record that `slot`, the next one, has been applied."""
        names = tuple(submission.name for submission in batch.submissions)
        self._slots.append((slot, names))
        self._names.update(names)
        if len(self._slots) > REMEMBERED_SLOTS:
            self._since, forgotten = self._slots.popleft()
            self._names.difference_update(forgotten)

    def undecided(self, announcement: Announcement) -> list[Submission]:
        """The announced submissions that certainly no slot holds so far."""
        if announcement.after < self._since:
            return []
        return [one for one in announcement.submissions if one.name not in self._names]


class Speed:
    """How fast the log advances, as observed here. Every question about its end calls `seen`."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def seen(self, slot: int, asked_at: float) -> None:
        """Record that a question sent at `asked_at` found `slot` to be the newest one."""
        if self._seen and asked_at <= self._seen[-1][0]:
            return
        self._seen.append((asked_at, slot))
        while asked_at - self._seen[0][0] > SPEED_WINDOW_S:
            self._seen.popleft()

    @property
    def slots_per_s(self) -> float:
        """0 if there are too few observations."""
        if len(self._seen) < 2:
            return 0.0
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began)

    def slot_to_announce(self, known: int, now: float, misses: int) -> int:
        """A slot, not far ahead, that is still free when an announcement sent now arrives.

        `known`: the newest decided slot known here; `misses`: how many recent announcements came too late. A
        question is in flight for as long as an announcement, so neither time needs to be known.
        """
        asked_at, last = self._seen[-1] if self._seen else (now, known)
        moved = MARGIN * self.slots_per_s * (now - asked_at)
        ahead = min(AHEAD_MAX, AHEAD_MIN << min(misses, 8))
        return max(known, last + math.ceil(moved)) + ahead


def included(
    submissions: Iterable[Submission], announced: Sequence[Submission], size_max: int
) -> list[Submission]:
    """`submissions`, and as many of those announced as fit into `size_max` bytes of records, each once.

    At least one, if there is any: a single record may be larger than the usual batch limit.
    """
    chosen = list(submissions)
    names = {one.name for one in chosen}
    size = sum(one.size for one in chosen)
    for one in announced:
        if one.name not in names and (not chosen or size + one.size <= size_max):
            names.add(one.name)
            chosen.append(one)
            size += one.size
    return chosen
