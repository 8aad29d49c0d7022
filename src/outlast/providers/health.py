"""What is known about one provider's health, and whether to send it requests. Sans-IO; the guard acts on it.

A provider is *healthy*, *down* (its breaker is open: it receives no requests until a probe succeeds) or
*estranged* (it answers, but its marker is missing or another's).

The breaker opens:

* After `failures_max` failures in a row, counted separately for reads and writes: otherwise, a provider whose
  reads work and whose writes hang or fail would never count as down. One failure alone is noise.
* After one timeout, if no call of its direction was answered since it began. Waiting for two more
  deadlines would cost every client seconds; a call that others overtook was an outlier, and counts once.
* After `corrupt_max` damaged reads within `corrupt_window_s`. A few damaged objects do not come that fast.

`NotFound`, `Exists`, `Full`, `Unsupported`, and `Estranged` are answers, not failures: the breaker stays
closed. So is `Denied` for a write (a read-only disk, a key that may only read): it costs no client time, and
what the provider holds can be read. Otherwise a store whose providers have all become read-only could not
even be read.

Calls that were abandoned early (hedged, outpaced) prove nothing by themselves. But a provider that has not
answered anything for `silence_s_max` (or, if distant, for twice what its answers usually take) while calls
were in flight is *suspected*, and `started` returns that: its guard then sends a question of its own, with a
short deadline, to which the rule for timeouts applies. So a hanging provider is detected in two to three
seconds even if no caller waits for a deadline.

The breaker closes only after a successful probe; probes run at `next_probe_at`, with exponential back-off and
jitter.

What a person must fix is kept as `troubles`, even where it opens no breaker (a refused write, a full
bucket). Each lasts until a call of its kind is answered. A place counts as full until a write at least as
large succeeds: many a full disk still takes a few bytes, which says nothing about a fragment. Its guard tries
again with `refused_bytes`.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import (
    Cause,
    Denied,
    Estranged,
    Exists,
    Full,
    NotFound,
    ProviderError,
    Unsupported,
)
from outlast.base.trace import event
from outlast.providers import trouble
from outlast.providers.durations import Durations
from outlast.providers.trouble import Trouble

State: TypeAlias = Literal["healthy", "down", "estranged"]

failures_max = 3
corrupt_max = 3
corrupt_window_s = 10.0
silence_s_max = 0.5
silence_factor = 2.0
# At most one suspicion a second: the resulting question puts load on the provider.
suspicion_pause_s = 1.0
probe_pause_s_min = 0.25
probe_pause_s_max = 5.0
# After this long without opening, a breaker's back-off restarts. A flapping provider stays out longer.
calm_s = 30.0

_reads = frozenset({"get", "head", "list"})
_answers = (NotFound, Exists, Full, Unsupported, Estranged)
# Rights are granted separately for these; what holds for one verb of a kind holds for the others.
_full = "full"
_rights = {"get": "read", "head": "read", "put": "write", "create": "write"}


@dataclass(frozen=True, slots=True)
class Findings:
    """A provider's health for people: `status`, metrics, the console."""

    name: str
    state: State
    since_s: float
    """How long it has been in that state."""
    why: str
    """What last made it leave `healthy`; "" if nothing did."""
    calls: int
    failures: dict[str, int]
    """Failed calls by cause."""
    corrupt: int
    opened: int
    """How often the breaker has opened."""
    expected_s: dict[str, float]
    """By verb, for the verbs that have been used."""


class _Direction:
    """Reads, or writes: what the breaker knows about them."""

    def __init__(self) -> None:
        self.failures = 0
        self.answered_at = float("-inf")
        self.silent_since: float | None = None
        """When the oldest call began since which no call was answered."""


class _Breaker:
    """Open: the provider receives no requests until a probe succeeds. Probes back off, up to a bound."""

    def __init__(self, entropy: Entropy) -> None:
        self.opened = 0
        """How often it has opened."""
        self.opened_by: Trouble | None = None
        """What keeps it open; None while it is closed."""
        self.next_probe_at: float | None = None
        """When to probe, on the clock of the caller; None while it is closed."""
        self._entropy = entropy
        self._opened_at = float("-inf")
        self._pauses = 0

    def open(self, why: Trouble, now: float) -> None:
        """The provider failed."""
        if now - self._opened_at > calm_s:
            self._pauses = 0
        self.opened += 1
        self.stay_open(why, now)

    def stay_open(self, why: Trouble, now: float) -> None:
        """It failed again, when probed."""
        self.opened_by = why
        pause = min(probe_pause_s_max, probe_pause_s_min * 2.0**self._pauses)
        self._pauses = min(self._pauses + 1, 16)
        self._opened_at = now
        self.next_probe_at = now + pause * self._entropy.uniform(0.5, 1.0)

    def close(self) -> None:
        """A probe succeeded."""
        self.opened_by = self.next_probe_at = None


@dataclass(slots=True)
class _Tally:
    """Counters for people."""

    calls: int = 0
    corrupt: int = 0
    failures: Counter[str] = field(default_factory=Counter)


class _Refusals:
    """What was refused and not granted since, by kind of right."""

    def __init__(self) -> None:
        self.full_bytes: int | None = None
        """The largest write that did not fit, unless one as large has succeeded since."""
        self._troubles: dict[str, Trouble] = {}

    def note(
        self, verb: str, error: ProviderError | None, size: int, meaning: Callable[[ProviderError], Trouble]
    ) -> None:
        """A call of `size` bytes ended; `meaning` says what its error means."""
        kind = _rights.get(verb, verb)
        if isinstance(error, Full):
            self.full_bytes = max(size, self.full_bytes or 0)
            self._troubles[_full] = meaning(error)
        elif error is None or isinstance(error, NotFound | Exists):
            self._troubles.pop(kind, None)
            if kind == "write" and self.full_bytes is not None and error is None and size >= self.full_bytes:
                self.full_bytes = None
                del self._troubles[_full]
        elif trouble.is_lasting(error):
            self._troubles[kind] = meaning(error)

    @property
    def of_writes(self) -> bool:
        """Whether a write was refused, and none granted since."""
        return "write" in self._troubles or _full in self._troubles

    def troubles(self) -> tuple[Trouble, ...]:
        """In the order in which they occurred."""
        return tuple(self._troubles.values())


class Health:
    """See the module's docstring. All times are the clock's `monotonic`, in seconds."""

    def __init__(self, name: str, clock: Clock, entropy: Entropy) -> None:
        self.name = name
        self.clock = clock
        self.entropy = entropy
        self.state: State = "healthy"
        self.durations = Durations(clock)
        self.changed: Callable[[], None] = lambda: None
        """Called after each change of `state`. Set by the guard."""
        self.drill: Callable[[], str] = lambda: ""
        """How to describe a drill that makes it fail now. Set by the guard."""
        self._breaker = _Breaker(entropy)
        self._stranger: Trouble | None = None
        self._since = clock.monotonic()
        self._why = ""
        self._refusals = _Refusals()
        self._reading, self._writing = _Direction(), _Direction()
        self._corrupt_at: deque[float] = deque(maxlen=corrupt_max)
        self._suspected_at = float("-inf")
        self._tally = _Tally()

    @property
    def available(self) -> bool:
        """Whether calls may be made."""
        return self.state == "healthy"

    @property
    def next_probe_at(self) -> float | None:
        """When to probe; None while the breaker is closed."""
        return self._breaker.next_probe_at

    @property
    def refused_bytes(self) -> int | None:
        """The size of a write for which the provider was full; None if it is not known to be full."""
        return self._refusals.full_bytes

    @property
    def takes_writes(self) -> bool:
        """Whether it is healthy, and has refused no write that it has not granted since."""
        return self.available and not self._refusals.of_writes

    # ------------------------------------------------------------ reports

    def started(self, verb: str, now: float) -> bool:
        """A call begins. True: the provider has been silent for too long; send it a question."""
        direction = self._reading if verb in _reads else self._writing
        if direction.silent_since is None:
            direction.silent_since = now
            return False
        return self._suspect(direction, now)

    def has_answered(self, verb: str, since: float) -> bool:
        """Whether a call of this direction was answered since then."""
        return (self._reading if verb in _reads else self._writing).answered_at > since

    def silent(self, now: float) -> bool:
        """Like `started`, where no further call begins: those in flight are not answered."""
        return self._suspect(self._reading, now) or self._suspect(self._writing, now)

    def _suspect(self, direction: _Direction, now: float) -> bool:
        if direction.silent_since is None:
            return False
        silent_s = now - direction.silent_since
        if silent_s < silence_s_max or now - self._suspected_at < suspicion_pause_s:
            return False
        if silent_s < silence_factor * self.durations.round_trip_s():
            return False
        self._suspected_at = now
        return True

    def report(self, verb: str, seconds: float, error: ProviderError | None = None, size: int = 0) -> None:
        """A call ended after `seconds`, successfully or with `error`. `size`: bytes moved, or to be moved."""
        now = self.clock.monotonic()
        direction = self._reading if verb in _reads else self._writing
        self._tally.calls += 1
        self._refusals.note(verb, error, size, self._meaning)
        if error is None or _is_answer(verb, error):
            direction.failures = 0
            direction.answered_at = now
            direction.silent_since = None
            self.durations.add(verb, seconds, size if error is None else 0)
            return
        self._tally.failures[error.cause] += 1
        event("providers: a call failed", provider=self.name, verb=verb, seconds=seconds, error=error)
        direction.failures += 1
        unanswered = error.cause is Cause.TIMEOUT and direction.answered_at < now - seconds
        if unanswered or direction.failures >= failures_max:
            self._open(self._meaning(error), now)

    def report_given_up(self, verb: str, seconds: float, size: int = 0) -> None:
        """A call was canceled after `seconds` without an answer."""
        self.durations.add_given_up(verb, seconds, size)

    def report_corrupt(self) -> None:
        """The provider returned something other than what was written."""
        now = self.clock.monotonic()
        self._tally.corrupt += 1
        self._corrupt_at.append(now)
        if len(self._corrupt_at) == corrupt_max and now - self._corrupt_at[0] < corrupt_window_s:
            self._open(self._drilled(trouble.damaged), now)

    def report_marker(self, ok: bool, stranger: Trouble = trouble.emptied) -> None:
        """The marker was read, and is (not) the one expected; `stranger` says what that means."""
        self._stranger = None if ok else self._drilled(stranger)
        if self._stranger is not None:
            self._why = self._stranger.what
        self._settle(self.clock.monotonic())

    def report_examined(self, failure: ProviderError) -> None:
        """A deliberate question, with time to answer, failed: that is enough to mark it down."""
        self._open(self._meaning(failure), self.clock.monotonic())

    def report_probe(self, failure: ProviderError | None = None) -> None:
        """A probe of a provider that is down succeeded, or failed."""
        now = self.clock.monotonic()
        if failure is not None:
            found = self._meaning(failure)
            self._why = found.what
            self._breaker.stay_open(found, now)
            return
        self._breaker.close()
        self._reading, self._writing = _Direction(), _Direction()
        self._corrupt_at.clear()
        self._settle(now)

    # ------------------------------------------------------------ answers

    def findings(self) -> Findings:
        """A summary for people."""
        return Findings(
            name=self.name,
            state=self.state,
            since_s=self.clock.monotonic() - self._since,
            why=self._why,
            calls=self._tally.calls,
            failures=dict(self._tally.failures),
            corrupt=self._tally.corrupt,
            opened=self._breaker.opened,
            expected_s={verb: self.durations.expected_s(verb) for verb in self.durations.verbs()},
        )

    def troubles(self) -> tuple[Trouble, ...]:
        """What a person should fix, the most serious first, each once."""
        found = [self._stranger, self._breaker.opened_by, *self._refusals.troubles()]
        return tuple(dict.fromkeys(one for one in found if one is not None))

    # ------------------------------------------------------------ within

    def _meaning(self, error: ProviderError) -> Trouble:
        return self._drilled(trouble.of_error(error))

    def _drilled(self, found: Trouble) -> Trouble:
        """Failures during a drill are attributed to the drill."""
        drill = self.drill()
        return trouble.of_drill(drill, self.name) if drill else found

    def _open(self, why: Trouble, now: float) -> None:
        if self._breaker.opened_by is None:
            self._why = why.what
            self._breaker.open(why, now)
            self._settle(now)

    def _settle(self, now: float) -> None:
        down = self._breaker.opened_by is not None
        state: State = "estranged" if self._stranger is not None else "down" if down else "healthy"
        if state == self.state:
            return
        self.state = state
        event("providers: health changed", provider=self.name, state=state, why=self._why)
        self._since = now
        self.changed()


def _is_answer(verb: str, error: ProviderError) -> bool:
    return isinstance(error, _answers) or (isinstance(error, Denied) and verb not in _reads)
