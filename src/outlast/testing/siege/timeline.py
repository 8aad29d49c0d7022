"""What was done, when, and what was wrong: the record of a siege.

A finding carries what was being done to the store at that time or shortly before, so that a person sees at
once which nemeses to suspect.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from outlast.base.clock import Clock
from outlast.testing.history import ClientHistory

SHORTLY_S = 10.0
"""A strike that ended no longer ago than this is still a suspect."""

LINE_MAX = 240
"""The longest line that is printed."""

FINDINGS_MAX = 10_000
"""More are only counted: a store that is broken for good fails every request."""


@dataclass(slots=True)
class Strike:
    """Something that is or was done to the store, from `begin_s` to `end_s` of the siege."""

    name: str
    begin_s: float
    end_s: float = float("inf")

    def __str__(self) -> str:
        return (
            f"{self.name} [{self.begin_s:.1f}-{'' if self.end_s == float('inf') else f'{self.end_s:.1f}'} s]"
        )


@dataclass(frozen=True, slots=True)
class SiegeFinding:
    """Something that must not happen. `suspects`: what was done to the store then, or shortly before."""

    kind: str
    at_s: float
    detail: str
    suspects: tuple[str, ...]

    def __str__(self) -> str:
        suspects = ", ".join(self.suspects) or "nothing"
        return f"{self.at_s:7.1f} s  {self.detail}\n           during or after: {suspects}"


class Timeline:
    """Events, strikes, counts, and findings of one siege. `say` gets each event as a line of text."""

    def __init__(self, clock: Clock, say: Callable[[str], None]) -> None:
        self._clock = clock
        self._say = say
        self._began = clock.monotonic()
        self.events: list[tuple[float, str]] = []
        self.strikes: list[Strike] = []
        self.findings: list[SiegeFinding] = []
        self.counts: Counter[str] = Counter()
        """How often each thing was done, and how requests ended."""
        self.found: Counter[str] = Counter()
        """Findings by kind, including those that are not kept."""
        self.hopeless = False
        """Whether no repair restores the store any more, so that nothing more can be learned from it."""

    def now_s(self) -> float:
        """Seconds since the siege began."""
        return self._clock.monotonic() - self._began

    def event(self, text: str) -> None:
        """Note that something has happened."""
        self.events.append((self.now_s(), text))
        self._say(f"{self.now_s():7.1f} s  {text}"[:LINE_MAX])

    @contextmanager
    def strike(self, name: str, subject: str = "", how: str = "") -> Iterator[None]:
        """Note that the nemesis `name` strikes `subject` as long as the context lasts."""
        self.counts[f"nemesis {name}"] += 1
        strike = Strike(" ".join(filter(None, (name, subject, how))), self.now_s())
        self.strikes.append(strike)
        self.event(strike.name)
        try:
            yield
        finally:
            strike.end_s = self.now_s()

    def find(self, kind: str, detail: str, since_s: float | None = None) -> None:
        """Note something that must not happen, in a request or command that began at `since_s`."""
        now = self.now_s()
        begin = (now if since_s is None else since_s) - SHORTLY_S
        suspects = tuple(str(one) for one in self.strikes if one.end_s >= begin and one.begin_s <= now)
        self.found[kind] += 1
        if self.found[kind] == 1:
            self._say(f"{now:7.1f} s  FOUND {kind}: {detail}"[:LINE_MAX])
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(SiegeFinding(kind, now, detail, suspects))

    def strikes_since(self, name: str, since_s: float) -> int:
        """Return how many strikes of that nemesis were active at `since_s` or began later."""
        return sum(one.name.split()[0] == name and one.end_s >= since_s for one in self.strikes)


class TimedHistory(ClientHistory):
    """A history with the time of each event, in seconds of the siege."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline
        self._stamps_s: list[float] = []

    def tick(self) -> int:
        self._stamps_s.append(self._timeline.now_s())
        return super().tick()

    def at_s(self, event: int) -> float:
        """Return the time of the event with this number from `tick`."""
        return self._stamps_s[event - 1]
