"""Checkers of the log: at every write of a voter they check whether it could lead to a second history.

    checkers = LogCheckers(names, seal, incarnations, sim.fail)
    checkers.watch(place)                   # of each voter

They look at what is really stored, not at what any gateway believes, at the moment in which it changes. So a
run ends at the wrong write, long before any gateway would have noticed, and even if none ever does.

- *agreement*: no two values are accepted by majorities in one slot; and once one is, nothing else is accepted
  under a higher ballot. What was decided stays decided, whatever is erased later. One ballot stands for one
  value.
- *promise*: when a value is first accepted under a ballot that needed promises, the voters that count and
  hold no trace of such a promise are not a majority. (They could decide for a lower ballot, unnoticed.)
- *chain*: a value is accepted only over the decided value of the previous slot.
- *no gap*: a voter that counts gets its n-th state of a slot only over its (n-1)th. (Except in slots up to
  the record that reattached it.)
- *amnesia*: a voter that has lost a file of its log under its marker accepts no other states there.
- *barrier*: a voter's marker with a new incarnation is written only when a decided record names it, and the
  voter holds every slot up to that record.
- *held* (`check_held`, at quiet moments): every decided slot is at more voters than may be lost.

A voter *counts* while its marker is there. What it accepts is a vote if it counts then; where the marker is
read concurrently with the vote (in a bucket), also for as long after the marker was removed as an operation
may take; and what it holds when its marker is written is a vote from then on. What an erased voter had
accepted stays a vote until the voter is reattached: a gateway that had counted it may continue. From then on
every slot up to the record is decided without it, and late requests from before may arrive in these slots and
do not matter any more.

Invariant: a checker never changes what it looks at. Directed tests that plant what no gateway would write
list in `off` the checkers that would report it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from outlast.base import limits
from outlast.base.errors import Tampered
from outlast.base.marks import reached
from outlast.providers.marker import MARKER_KEY, Marker, decode_marker
from outlast.quorum.ballot import majority
from outlast.quorum.batch import Batch, Seal, open_batch, value_hash
from outlast.testing.places import Change, Place, slots_a_file
from outlast.testing.states import Ballot, Row, SlotState, StatePosition, position

Named: TypeAlias = Callable[[bytes], tuple[str, bytes] | None]
"""(voter, its new incarnation) that a record names, if it names one."""
Report: TypeAlias = Callable[[BaseException], None]

# How many of the voters' last writes are kept for the report of a violation.
writes_kept_max = 5_000


class Violation(AssertionError):
    """An invariant was violated. `kind` is the checker's name."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class _Voter:
    """What one voter really holds."""

    def __init__(self, incarnation: bytes) -> None:
        self.rows: dict[int, Row] = {}
        """By slot."""
        self.newest = incarnation
        """The incarnation that was written last."""
        self.barrier = -1
        """The slot whose record names that incarnation: it holds every decided slot up to there."""
        self.counts = False
        self.forgot: set[int] = set()
        """The files (by number) that it has lost under its marker since that was written."""
        self.slots_a_file = 1
        self.vote_s_max = 0.0
        """How long a vote that is in flight when the marker is removed may still be counted."""
        self.gone_at = float("-inf")

    def states(self, slot: int) -> list[SlotState]:
        """Return the states of a slot that it holds."""
        return self.rows[slot].states if slot in self.rows else []

    def holds(self, slot: int, value: bytes | None) -> bool:
        """Whether one of these has accepted this value."""
        return any(state.value == value for state in self.states(slot))

    def may_vote(self, now: float) -> bool:
        """Whether a gateway may count what is accepted here now."""
        return self.counts or now - self.gone_at < self.vote_s_max


class LogCheckers:
    """See the module's docstring."""

    def __init__(
        self,
        voters: Sequence[str],
        seal: Seal,
        incarnations: Mapping[str, bytes],
        report: Report,
        named: Named = lambda record: None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`incarnations`: the initial ones. `named`: which records reattach a voter. `now`: in s."""
        self.off: set[str] = set()
        """Checkers that are switched off."""
        self.decided: dict[int, bytes] = {}
        """Values by slot, for the slots that a majority has decided."""
        self.writes: deque[tuple[float, str]] = deque(maxlen=writes_kept_max)
        """The last writes of all voters: time and description."""
        self._voters = {name: _Voter(incarnations[name]) for name in voters}
        self._majority = majority(len(voters))
        self._seal = seal
        self._report = report
        self._named = named
        self._now = now
        self._values: dict[tuple[int, Ballot], bytes] = {}
        self._votes: defaultdict[tuple[int, Ballot], set[str]] = defaultdict(set)
        self._decided_by: dict[int, Ballot] = {}
        self._batches: dict[tuple[int, bytes], Batch | None] = {}
        self._taken_back: dict[bytes, int] = {}  # the slot that names an incarnation, by incarnation

    def watch(self, place: Place) -> None:
        """Check what changes at this voter from now on. What it holds already is assumed to be right."""
        place.watchers.append(self.changed)
        if place.kind == "bucket":
            self._voters[place.name].vote_s_max = limits.log_operation_s_max
        else:
            self._voters[place.name].slots_a_file = slots_a_file
        for key, data in place.contents().items():
            self.changed(Change(place.name, key, None, data))

    def changed(self, change: Change) -> None:
        """An object at a voter was changed."""
        voter = self._voters.get(change.place)
        if voter is None:
            return
        if change.key == MARKER_KEY:
            self._marker_changed(change, voter)
        elif (at := position(change.key)) is not None:
            if at.slot not in voter.rows:
                voter.rows[at.slot] = Row(self._seal, change.place, at.slot)
            if change.after is None:
                voter.rows[at.slot].remove(at.place)
                if voter.counts:
                    voter.forgot.add(at.slot // voter.slots_a_file)
            else:
                self._written(change.place, voter, at, change.after)

    # ------------------------------------------------------------ states

    def _written(self, name: str, voter: _Voter, at: StatePosition, content: bytes) -> None:
        row = voter.rows[at.slot]
        if at.place > 0 and not row.holds(at.place - 1) and voter.counts and at.slot > voter.barrier:
            detail = f"{name} got state {at.place} of slot {at.slot} without state {at.place - 1}"
            self._violated("no gap", detail)
        if voter.counts and at.slot // voter.slots_a_file in voter.forgot:
            self._violated(
                "amnesia", f"{name} took state {at.place} of slot {at.slot}, and has lost its file"
            )
        states = row.write(at.place, content)
        detail = "; ".join(map(_described, states)) or "no state that counts"
        self._wrote(f"{name} slot {at.slot}.{at.place}: {detail}{'' if voter.counts else ' (estranged)'}")
        if voter.may_vote(self._now()):
            for state in states:
                self._count(name, at.slot, state)

    def _count(self, name: str, slot: int, state: SlotState) -> None:
        """A voter's state may be counted as a vote from now on."""
        if state.accepted is None or state.value is None or self._batch(slot, state.value) is None:
            return  # not sealed by this store, so no gateway counts it
        first = (slot, state.accepted) not in self._values
        self._check_value(name, slot, state.accepted, state.value)
        if first and state.accepted.round > 0 and slot not in self.decided:
            self._check_promise(slot, state.accepted)
        if first and slot > 0:
            self._check_chain(slot, state.value)
        self._votes[slot, state.accepted].add(name)
        if len(self._votes[slot, state.accepted]) >= self._majority:
            self._check_decision(slot, state.accepted, state.value)

    def _check_value(self, name: str, slot: int, ballot: Ballot, value: bytes) -> None:
        known = self._values.setdefault((slot, ballot), value)
        if known != value:
            self._violated("agreement", f"two values under ballot {_short(ballot)} of slot {slot}")
        by = self._decided_by.get(slot)
        if by is not None and ballot > by and value != self.decided[slot]:
            detail = f"{name} accepted another value under {_short(ballot)} than {_short(by)} had decided"
            self._violated("agreement", f"slot {slot}: {detail}")

    def _check_decision(self, slot: int, ballot: Ballot, value: bytes) -> None:
        if slot in self.decided:
            if self.decided[slot] != value:
                detail = (
                    f"slot {slot} is decided twice: {_short(self._decided_by[slot])} and {_short(ballot)}"
                )
                self._violated("agreement", detail)
            return
        self.decided[slot], self._decided_by[slot] = value, ballot
        batch = self._batch(slot, value)
        assert batch is not None
        for record in batch.records:
            if (named := self._named(record)) is not None:
                self._taken_back[named[1]] = slot

    def _check_promise(self, slot: int, ballot: Ballot) -> None:
        unaware = [
            name
            for name, voter in self._voters.items()
            if voter.counts and not any(state.promised >= ballot for state in voter.states(slot))
        ]
        reached("checkers: a value was accepted under a ballot with promises")
        if len(unaware) >= self._majority:
            detail = f"slot {slot}, ballot {_short(ballot)}: {', '.join(unaware)} count and hold no promise"
            self._violated("promise", detail)

    def _check_chain(self, slot: int, value: bytes) -> None:
        batch = self._batch(slot, value)
        assert batch is not None
        before = self.decided.get(slot - 1)
        if before is None:
            self._violated("chain", f"slot {slot} is accepted, and slot {slot - 1} is not decided")
        elif batch.previous != value_hash(before):
            self._violated("chain", f"slot {slot} does not follow the decided value of slot {slot - 1}")

    def _batch(self, slot: int, value: bytes) -> Batch | None:
        key = slot, value
        if key not in self._batches:
            try:
                self._batches[key] = open_batch(self._seal, slot, value)
            except Tampered:
                self._batches[key] = None
        return self._batches[key]

    # ------------------------------------------------------------ markers

    def _marker_changed(self, change: Change, voter: _Voter) -> None:
        marker = _marker(change.after)
        self._wrote(f"{change.place} marker: {marker.incarnation.hex()[-8:] if marker else 'none'}")
        counted, voter.counts = voter.counts, marker is not None and marker.provider == change.place
        if counted and not voter.counts:
            voter.gone_at = self._now()
        if marker is None or marker.incarnation == voter.newest:
            return
        voter.newest = marker.incarnation
        voter.forgot.clear()
        self._forget_votes(change.place)
        for slot, row in sorted(voter.rows.items()):
            for state in row.states:
                self._count(change.place, slot, state)
        self._check_barrier(change.place, voter)

    def _forget_votes(self, name: str) -> None:
        """Votes from before the voter was erased count no longer, unless it still holds them."""
        for votes in self._votes.values():
            votes.discard(name)

    def _check_barrier(self, name: str, voter: _Voter) -> None:
        reached("checkers: a voter was taken back")
        record = self._taken_back.get(voter.newest)
        if record is None:
            self._violated("barrier", f"{name} has a marker that no decided record names")
            return
        voter.barrier = record
        lacking = [slot for slot in range(record + 1) if not voter.holds(slot, self.decided.get(slot, b""))]
        if lacking:
            detail = f"{name} has the marker of slot {record} and lacks slots {lacking[:10]}"
            self._violated("barrier", detail)

    # ------------------------------------------------------------ at quiet moments

    def check_held(self, tolerate: int) -> None:
        """Check that every decided slot is held by more voters that count than may be lost."""
        counting = [voter for voter in self._voters.values() if voter.counts]
        for slot, value in self.decided.items():
            holders = sum(voter.holds(slot, value) for voter in counting)
            if holders <= tolerate:
                self._violated("held", f"slot {slot} is held by {holders}, and {tolerate} may be lost")

    def _wrote(self, what: str) -> None:
        self.writes.append((self._now(), what))

    def _violated(self, kind: str, detail: str) -> None:
        if kind not in self.off:
            self._report(Violation(kind, detail))


def _marker(content: bytes | None) -> Marker | None:
    present = None if content is None else decode_marker(content)
    return present if isinstance(present, Marker) else None


def _short(ballot: Ballot) -> str:
    return f"{ballot.round}/{ballot.gateway.hex()[-4:]}"


def _described(state: SlotState) -> str:
    value = "" if state.value is None else f" = {value_hash(state.value).hex()[:6]}"
    accepted = "" if state.accepted is None else f", accepted {_short(state.accepted)}{value}"
    return f"promised {_short(state.promised)}{accepted}"
