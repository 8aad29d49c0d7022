"""What the voters' answers about one slot prove. Sans-IO: answers go in, conclusions come out.

Two conclusions are final whatever the silent voters hold:

- *decided*: a majority has accepted the same ballot;
- *open*: a majority holds nothing accepted, so no value had been decided when they were asked, and
  therefore no later slot had been decided either.

Everything else (one of two answers accepted, the third voter silent) is inconclusive.
"""

from dataclasses import dataclass, field

from outlast.base.errors import ConfigError, NoMajority, OutlastError
from outlast.quorum.ballot import Ballot, SlotState, majority


@dataclass(slots=True)
class Tally:
    """Answers about one slot. `voters` is how many there are in all."""

    voters: int
    states: dict[str, SlotState | None] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)

    def heard(self, voter: str, state: SlotState | None) -> None:
        """Voter answered: its state, or None for nothing there."""
        self.failures.pop(voter, None)
        self.states[voter] = state

    def failed(self, voter: str, error: Exception) -> None:
        """Voter did not answer, or its answer does not count."""
        self.failures[voter] = error

    def has_accepted(self, voter: str) -> bool:
        """Whether the voter was heard to have accepted a value."""
        state = self.states.get(voter)
        return state is not None and state.accepted is not None

    @property
    def majority(self) -> int:
        return majority(self.voters)

    def decided(self) -> SlotState | None:
        """The accepted state that a majority shares, if any."""
        votes: dict[Ballot, int] = {}
        for state in self.states.values():
            if state is None or state.accepted is None:
                continue
            votes[state.accepted] = votes.get(state.accepted, 0) + 1
            if votes[state.accepted] >= self.majority:
                return state
        return None

    def open(self) -> bool:
        """Whether a majority holds nothing accepted."""
        empty = sum(1 for state in self.states.values() if state is None or state.accepted is None)
        return empty >= self.majority

    def conclusive(self) -> bool:
        """Whether more answers could not change the conclusion."""
        return self.open() or self.decided() is not None

    def hopeless(self) -> bool:
        """Whether so many voters failed that no majority can answer."""
        return len(self.failures) > self.voters - self.majority

    def round_to_beat(self) -> int:
        """The round above which a ballot is not outvoted by a majority, as far as it was heard; 0 if nothing
        was.

        One voter alone does not raise it: a voter that reports the last round of all must not have others
        go on from there.
        """
        rounds = sorted(0 if state is None else state.promised.round for state in self.states.values())
        return rounds[min(len(rounds), self.majority) - 1] if rounds else 0

    def no_majority(self, slot: int) -> OutlastError:
        """What to raise where it is hopeless: `NoMajority`, or `ConfigError` if this version is too old."""
        for error in self.failures.values():
            if isinstance(error, ConfigError):
                return error
        reasons = "; ".join(f"{voter}: {error}" for voter, error in sorted(self.failures.items()))
        return NoMajority(f"slot {slot}: {reasons}")
