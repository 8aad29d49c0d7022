"""Known bugs, planted by name: what the swarm must find again.

    with PLANTED["forgotten promise"].plant():
        run(draw(seed, PROFILES["log rests"]))

Each was once wrong in this project, or is what one decision of its design prevents. It is planted by
replacing functions for as long as the context lasts; production code has no switch for any of it. A bug that
the simulated world cannot reach names the test that finds it.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from weakref import WeakKeyDictionary

import apsw
from msgspec.structs import replace

from outlast.base.concurrency import Background
from outlast.base.errors import Tampered
from outlast.catalog import database_file
from outlast.catalog.catalog import Catalog
from outlast.catalog.extents import Extents
from outlast.catalog.records import Extent
from outlast.providers import trouble
from outlast.providers.marker import Damaged, Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data
from outlast.providers.wrap.attest import Attest
from outlast.quorum import state as log_state
from outlast.quorum.ballot import Ballot, SlotState, adopted, promise
from outlast.quorum.commit import Committer
from outlast.quorum.portions import Portions
from outlast.quorum.proposer import Proposal, Proposer
from outlast.quorum.slot import Slot
from outlast.quorum.state import Placed, StateCodec
from outlast.quorum.voter import Vote, Voter
from outlast.store.delivery import Delivery
from outlast.store.redundancy import Redundancy
from outlast.store.restore import Finding, Restorer, _Work
from outlast.testing.places import Place
from outlast.testing.simulation import EPOCH_S


@dataclass(frozen=True, slots=True)
class Planted:
    """One bug. `item`: its number in the list of docs/internals/simulator.md."""

    name: str
    item: int
    what: str
    plant: Callable[[], AbstractContextManager[None]]
    profile: str = ""
    """The profile in which it is searched for."""
    kinds: frozenset[str] = frozenset()
    """The kinds of violations that may show it: any other is another bug."""
    seed: int = 0
    """A seed that shows it soon."""
    test: str = ""
    """The test that finds it, if the swarm cannot."""


def _replaced(*replacements: tuple[Any, str, Any]) -> Callable[[], AbstractContextManager[None]]:
    """Return a context that sets these attributes (owner, name, value) for as long as it lasts."""

    @contextmanager
    def plant() -> Iterator[None]:
        with ExitStack() as stack:
            for owner, name, value in replacements:
                stack.enter_context(mock.patch.object(owner, name, value))
            yield

    return plant


# ------------------------------------------------------------ the log


def _look_at_marker_only(self: Place, verb: str, under: Marker | None) -> None:
    """Item 1: a disk's log may be removed while its marker is there."""
    MemoryProvider._look(self, verb, under)


@contextmanager
def _relied_upon_announcements() -> Iterator[None]:
    """Item 2: a promise to an announcement is relied upon later, even if its voter has forgotten it."""
    decide = Proposer.decide
    kept: WeakKeyDictionary[Background, dict[int, tuple[Slot, Ballot]]] = WeakKeyDictionary()

    async def reserve(self: Slot, ballot: Ballot, announced: bytes) -> bool:
        promised = await self._promise(lambda state: promise(state, ballot, announced), keep=True)
        if promised is None or adopted(promised) is not None:
            return False
        kept.setdefault(self._background, {})[self.number] = self, ballot
        return True

    async def decide_by_reservation(self: Proposer, number: int, proposal: Proposal) -> SlotState:
        reserved = kept.get(self._context.background, {}).pop(number, None)
        if reserved is not None:
            slot, ballot = reserved
            state = await slot._accept(ballot, proposal.value(slot))
            if state is not None:
                return state
        return await decide(self, number, proposal)

    with _replaced(
        (Slot, "announce", reserve),
        (Proposer, "decide", decide_by_reservation),
        (Slot, "_check_view", lambda self, voter: None),
        (Committer, "_too_slow", lambda self: self._history.owner != self._context.gateway),
    )():
        yield


async def _look_beyond_for_ever(self: Slot, voter: Voter, vote: Vote | None) -> None:
    """Item 8: what exists and is not shown is read once more, at once."""
    while self._votes.get(voter.name) is vote:
        await self._look(voter, vote, contended=True)


def _decode_whatever(self: StateCodec, slot: int, after: Placed | None, data: bytes) -> Placed:
    """Item 9: a voter is believed whatever state it shows."""
    try:
        proven = log_state._decoder.decode(data)
    except ValueError as error:
        raise Tampered(str(error)) from error
    place, previous = (0, b"") if after is None else (after.place + 1, after.digest)
    state = SlotState(proven.promised, proven.accepted, proven.value, proven.announced)
    claim = self._claim(slot, place, previous, state)
    return Placed(state, place, hashlib.sha256(claim).digest())


# ------------------------------------------------------------ the store


_add = Extents.add


def _add_as_present(self: Extents, added: Iterable[Extent], died: int | None = None) -> list[int]:
    """Item 3: a fragment was written whenever its extent is committed."""
    now = self._layouts.present
    named = (replace(one, incarnations=tuple(now.get(place, b"") for place in one.places)) for one in added)
    return _add(self, named, died)


_wait_done = Delivery.wait_done


async def _wait_for_k(self: Delivery, early: bool = False) -> None:
    """Item 4: k durable fragments are enough."""
    await _wait_done(self, early=True)


async def _ensure_nothing(self: Redundancy, extents: object, doubtful: object) -> None:
    """Item 4: what is missing when the object is committed stays missing."""


async def _put_anywhere(self: Attest, key: str, data: Data, under: Marker | None = None) -> None:
    """Item 5: any place counts as the fragment's provider."""
    await super(Attest, self).put(key, data, None)


async def _attest_nothing(self: Delivery) -> list[Any]:
    return []


_restore = Restorer.restore


async def _restore_by_size(self: Restorer, extent: Extent, thorough: bool = False) -> Finding:
    """Item 6: correct sizes clear a reader's notes of damage."""
    work = _Work(self._context, extent, self._decoder(extent))
    await work.measure_all()
    if thorough or work.found.wrong or work.found.unreachable:
        return await _restore(self, extent, thorough)
    work.found.right = set(work._indices)
    work._prove = _prove_nothing  # type: ignore[method-assign]
    await work.record()
    return work.found


async def _prove_nothing(indices: Collection[int]) -> None:
    pass


_of_marker = trouble.of_marker


def _damaged_is_fine(
    expected: Marker, present: Marker | Damaged | None, journals: bool = False
) -> trouble.Trouble | None:
    """Item 11: a place whose marker cannot be read counts as healthy."""
    return None if isinstance(present, Damaged) else _of_marker(expected, present, journals)


def _applied_by_the_clock(self: Catalog, seconds: float) -> int:
    """Item 12: a machine with a fast clock considers what was just deleted long dead."""
    self.note_applied()
    ahead_s = self._clock.now() - EPOCH_S - self._clock.monotonic()
    return self._applied.slot_applied_for(max(0.0, seconds - ahead_s), self._clock.monotonic())


_connect = database_file._connect


def _connect_unverified(path: Path | str, flags: int, query: str = "") -> apsw.Connection:
    """Item 10: pages of the local catalog are trusted."""
    connection = _connect(path, flags, query)
    connection.execute("PRAGMA checksum_verification = OFF")
    return connection


_planted: Sequence[Planted] = (
    Planted(
        "lost log votes",
        1,
        "a disk whose log was removed votes on because its marker is still there",
        _replaced((Place, "_look", _look_at_marker_only)),
        "log emptied disks",
        frozenset({"amnesia", "agreement", "promise", "no gap", "chain", "fork", "lost", "freshness"}),
        seed=6,
    ),
    Planted(
        "reservation",
        2,
        "a promise for a later slot is relied upon although the voter was erased since",
        _relied_upon_announcements,
        "log reservations",
        frozenset({"agreement", "promise", "no gap", "chain", "fork", "lost", "freshness"}),
        seed=15,
    ),
    Planted(
        "old fragments count",
        3,
        "a commit does not say under which incarnation its fragments were written",
        _replaced((Extents, "add", _add_as_present)),
        "store uploads",
        frozenset({"early", "silent", "unsafe", "lost", "failed"}),
    ),
    Planted(
        "k are enough",
        4,
        "a write is acknowledged with k fragments, and the rest given up",
        _replaced((Delivery, "wait_done", _wait_for_k), (Redundancy, "ensure", _ensure_nothing)),
        "store losses",
        frozenset({"early"}),
        seed=1,
    ),
    Planted(
        "any place will do",
        5,
        "a fragment that was written into an empty mount point counts as durable",
        _replaced((Attest, "put", _put_anywhere), (Delivery, "attest", _attest_nothing)),
        "store mounts",
        frozenset({"early", "silent", "unsafe", "lost", "left behind"}),
    ),
    Planted(
        "sizes clear notes",
        6,
        "a quick look at sizes reports damaged fragments as restored",
        _replaced((Restorer, "restore", _restore_by_size)),
        "store decay",
        frozenset({"repair", "silent", "unsafe", "lost"}),
        seed=19,
    ),
    Planted(
        "never announces",
        7,
        "a gateway that is far away competes with a busy one, and never wins",
        _replaced(
            (Committer, "_too_slow", lambda self: False),
            (Committer, "announcement", lambda self, slot: None),
        ),
        "log distances",
        frozenset({"liveness", "starved"}),
    ),
    Planted(
        "endless look",
        8,
        "what exists and is not shown is read again without a pause",
        _replaced((Slot, "_look_beyond", _look_beyond_for_ever)),
        "log stale voters",
        frozenset({"pace", "liveness"}),
        seed=6,
    ),
    Planted(
        "believed states",
        9,
        "a voter that shows states that no gateway wrote is believed",
        _replaced((StateCodec, "decode", _decode_whatever)),
        "log nonsense",
        frozenset(
            {"agreement", "promise", "chain", "fork", "lost", "liveness", "error", "freshness", "no gap"}
        ),
        seed=3,
    ),
    Planted(
        "believed pages",
        10,
        "the local catalog's pages are believed without their checksums",
        _replaced((database_file, "_connect", _connect_unverified)),
        test="tests/catalog/test_damage.py::test_a_damaged_file_answers_right_or_raises",
    ),
    Planted(
        "damaged marker is fine",
        11,
        "a provider whose marker cannot be read is taken for healthy",
        _replaced((trouble, "of_marker", _damaged_is_fine)),
        "store markers",
        frozenset({"liveness", "held", "failed", "unsafe", "repair"}),
    ),
    Planted(
        "clocks decide",
        12,
        "the machine's clock decides how long something has been dead",
        _replaced((Catalog, "slot_applied_for", _applied_by_the_clock)),
        "store readers",
        frozenset({"failed", "wrong", "lost"}),
        seed=2,
    ),
    Planted(
        "whole states",
        13,
        "a state that does not arrive in time is requested again as a whole",
        _replaced((Portions, "late", lambda self, asked_at, now: None)),
        "log slow lines",
        frozenset({"liveness"}),
        seed=1,
    ),
)

PLANTED = {one.name: one for one in _planted}
"""By name."""
