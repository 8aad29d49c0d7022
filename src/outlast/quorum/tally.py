"""What the voters' answers about one slot prove. Sans-IO: answers go in, conclusions come out.

Two conclusions are final whatever the silent voters hold:

- *decided*: a majority has accepted the same ballot;
- *open*: a majority holds nothing accepted, so no value had been decided when the voters received the
  question, and therefore no later slot had been decided either.

Everything else (one of two answers accepted, the third voter silent) is inconclusive.
"""

from dataclasses import dataclass, field

from outlast.base.errors import ConfigError, ForkedLog, NoMajority, OutlastError
from outlast.quorum.ballot import Ballot, SlotState, majority


@dataclass(slots=True)
class Tally:
    """Answers about one slot. `voters` is the total number of voters."""

    voters: int
    states: dict[str, SlotState | None] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)

    def heard(self, voter: str, state: SlotState | None) -> None:
        """Record the voter's answer: its state, or None if it holds nothing."""
        self.failures.pop(voter, None)
        self.states[voter] = state

    def failed(self, voter: str, error: Exception) -> None:
        """Record that the voter did not answer, or that its answer does not count."""
        self.failures[voter] = error

    def has_accepted(self, voter: str) -> bool:
        """Whether the voter has reported an accepted value."""
        state = self.states.get(voter)
        return state is not None and state.accepted is not None

    @property
    def majority(self) -> int:
        return majority(self.voters)

    def decided(self) -> SlotState | None:
        """The accepted state that a majority shares, if any. Raises `ForkedLog`: a ballot has two values."""
        votes: dict[Ballot, tuple[int, bytes | None]] = {}
        decided = None
        for state in self.states.values():
            if state is None or state.accepted is None:
                continue
            count, value = votes.get(state.accepted, (0, state.value))
            if value != state.value:
                raise ForkedLog(f"two values were accepted under one ballot: {state.accepted}")
            votes[state.accepted] = count + 1, value
            if count + 1 >= self.majority:
                decided = state
        return decided

    def open(self) -> bool:
        """Whether a majority holds nothing accepted."""
        empty = sum(1 for state in self.states.values() if state is None or state.accepted is None)
        return empty >= self.majority

    def conclusive(self) -> bool:
        """Whether more answers could not change the conclusion."""
        return self.open() or self.decided() is not None

    def hopeless(self) -> bool:
        """Whether too many voters have failed for a majority to answer."""
        return len(self.failures) > self.voters - self.majority

    def round_to_beat(self) -> int:
        """The round that a majority has promised nothing above, as far as voters answered; 0 if none did.

        A single voter cannot raise it: a voter that reports the highest possible round must not make others
        continue from there.
        """
        rounds = sorted(0 if state is None else state.promised.round for state in self.states.values())
        return rounds[min(len(rounds), self.majority) - 1] if rounds else 0

    def no_majority(self, slot: int) -> OutlastError:
        """The error when it is hopeless: `NoMajority`, or `ConfigError` if this version is too old."""
        for error in self.failures.values():
            if isinstance(error, ConfigError):
                return error
        reasons = "; ".join(f"{voter}: {error}" for voter, error in sorted(self.failures.items()))
        return NoMajority(f"slot {slot}: {reasons}")
