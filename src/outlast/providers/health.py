"""What is known about one provider's well-being, and whether to ask it. Sans-IO; the guard acts on it.

A provider is *healthy*, *down* (its breaker is open: nobody asks it until a probe succeeds) or *estranged*
(it answers, but its marker is gone or another's).

When the breaker opens, and why so:

* After `failures_max` failures in a row, counted apart for reads and writes: a provider whose reads work
  and whose writes hang or fail would else never be seen as down. One failure alone is noise.
* After one timeout, if no call of its direction was answered since it began. Waiting out two more
  deadlines would cost everybody seconds; one that others overtook was an odd call, and counts as one.
* After `corrupt_max` damaged reads within `corrupt_window_s`. A few damaged objects do not come that fast.

`NotFound`, `Exists`, `Full`, `Unsupported` and `Estranged` are answers, not failures: the breaker stays
closed. So is `Denied` to a write (a read-only disk, a key that may only read): that costs nobody time, and
what it holds can be read. Else a store whose providers have all become read-only could not even be read.

Calls that others gave up early (hedged, outpaced) prove nothing by themselves. But a provider that has not
answered anything for `silence_s_max` (or, far away, for twice what its answers usually take) while it was
asked is *suspected*, and `started` says so: its guard then asks a question of its own, with a short
deadline, to which the rule for timeouts applies. So a hanging provider is found out in two to three seconds
even if nobody waits for a deadline.

It closes only by a successful probe; these come at `next_probe_at`, with exponential back-off and jitter.

What a person must mend is kept as `troubles`, also where it opens no breaker (a refused write, a full
bucket). Each lasts until a call of its kind is answered.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from outlast.base import limits
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
from outlast.providers import trouble
from outlast.providers.latency import Latency
from outlast.providers.trouble import Trouble

State: TypeAlias = Literal["healthy", "down", "estranged"]

failures_max = 3
corrupt_max = 3
corrupt_window_s = 10.0
silence_s_max = 0.5
silence_factor = 2.0
# At most one suspicion a second: the question that it leads to costs the provider something.
suspicion_pause_s = 1.0
probe_pause_s_min = 0.25
probe_pause_s_max = 5.0
# After this long without opening, a breaker's back-off begins anew. A flapping provider stays out longer.
calm_s = 30.0
# Before anything is known. A guess that makes an untried provider neither first nor last.
expected_s_guess = 0.05
# A call is not late before this, or scheduling noise would hedge; and it is late after this, whatever
# was usual, or a provider that got slow would never be hedged.
late_s_min = 0.010
late_s_max = 2.0

_reads = frozenset({"get", "head", "list"})
_answers = (NotFound, Exists, Full, Unsupported, Estranged)
# Rights are given apart for these; what holds for one verb of a kind holds for the others.
_rights = {"get": "read", "head": "read", "put": "write", "create": "write"}
# Durations are kept apart for small, middling and large transfers: a mean over all would fit none.
_size_limits = (64 * limits.KIB, limits.MIB)


@dataclass(frozen=True, slots=True)
class Findings:
    """A provider's health for people: `status`, metrics, the console."""

    name: str
    state: State
    since_s: float
    """For how long it has been in that state."""
    why: str
    """What made it leave `healthy` last; "" if nothing did."""
    calls: int
    failures: dict[str, int]
    """Failed calls by cause."""
    corrupt: int
    opened: int
    """How often the breaker has opened."""
    expected_s: dict[str, float]
    """By verb, for the verbs that have been used."""


class _Direction:
    """Reads, or writes: what the breaker has seen of them."""

    def __init__(self) -> None:
        self.failures = 0
        self.answered_at = float("-inf")
        self.silent_since: float | None = None
        """When the first call began since which there was no answer."""


class Health:
    """See the module's docstring. All times are the clock's `monotonic`, in seconds."""

    def __init__(self, name: str, clock: Clock, entropy: Entropy) -> None:
        self.name = name
        self.clock = clock
        self.entropy = entropy
        self.state: State = "healthy"
        self.available = True
        """Whether calls may be made. The same as `state == "healthy"`."""
        self.next_probe_at: float | None = None
        """When to probe; None while the breaker is closed."""
        self.changed: Callable[[], None] = lambda: None
        """Called after each change of `state`. Set by the guard."""
        self._down = False
        self._estranged = False
        self._since = clock.monotonic()
        self._why = ""
        self._opened_by: Trouble | None = None
        self._stranger: Trouble = trouble.emptied
        self._refusals: dict[str, Trouble] = {}
        self._reading, self._writing = _Direction(), _Direction()
        self._latencies: dict[tuple[str, int], Latency] = {}
        self._corrupt_at: deque[float] = deque(maxlen=corrupt_max)
        self._suspected_at = float("-inf")
        self._opened_at = float("-inf")
        self._pauses = 0
        self._calls = 0
        self._corrupt = 0
        self._opened = 0
        self._failures: Counter[str] = Counter()

    # ------------------------------------------------------------ reports

    def started(self, verb: str, now: float) -> bool:
        """A call begins. True: the provider has been silent for too long; ask it something."""
        direction = self._reading if verb in _reads else self._writing
        if direction.silent_since is None:
            direction.silent_since = now
            return False
        return self._suspect(direction, now)

    def silent(self, now: float) -> bool:
        """As `started`, where no further call begins: those under way are not answered."""
        return self._suspect(self._reading, now) or self._suspect(self._writing, now)

    def _suspect(self, direction: _Direction, now: float) -> bool:
        if direction.silent_since is None:
            return False
        silent_s = now - direction.silent_since
        if silent_s < silence_s_max or now - self._suspected_at < suspicion_pause_s:
            return False
        if silent_s < silence_factor * self.usual_s():
            return False
        self._suspected_at = now
        return True

    def report(self, verb: str, seconds: float, error: ProviderError | None = None, size: int = 0) -> None:
        """A call ended after `seconds`, well or with `error`. `size`: bytes moved."""
        now = self.clock.monotonic()
        direction = self._reading if verb in _reads else self._writing
        self._calls += 1
        self._note_refusal(verb, error)
        if error is None or _is_answer(verb, error):
            direction.failures = 0
            direction.answered_at = now
            direction.silent_since = None
            if error is None:
                self._latency(verb, size).add(seconds, now)
            else:
                self._latency(verb, 0).add(seconds, now)
            return
        self._failures[error.cause] += 1
        direction.failures += 1
        unanswered = error.cause is Cause.TIMEOUT and direction.answered_at < now - seconds
        if unanswered or direction.failures >= failures_max:
            self._open(trouble.of_error(error), now)

    def report_given_up(self, verb: str, seconds: float, size: int = 0) -> None:
        """A call was cancelled after `seconds` without an answer."""
        self._latency(verb, size).add_given_up(seconds, self.clock.monotonic())

    def report_corrupt(self) -> None:
        """Something read from the provider was not what was written."""
        now = self.clock.monotonic()
        self._corrupt += 1
        self._corrupt_at.append(now)
        if len(self._corrupt_at) == corrupt_max and now - self._corrupt_at[0] < corrupt_window_s:
            self._open(trouble.damaged, now)

    def report_marker(self, ok: bool, stranger: Trouble = trouble.emptied) -> None:
        """The marker was read, and is (not) the one expected; `stranger` says what that means."""
        if not ok:
            self._why, self._stranger = stranger.what, stranger
        self._estranged = not ok
        self._settle(self.clock.monotonic())

    def report_examined(self, failure: ProviderError) -> None:
        """It was asked on purpose, with time to answer, and failed: that is enough to call it down."""
        self._open(trouble.of_error(failure), self.clock.monotonic())

    def report_probe(self, failure: ProviderError | None = None) -> None:
        """A probe of a provider that is down succeeded, or failed."""
        now = self.clock.monotonic()
        if failure is not None:
            self._opened_by = trouble.of_error(failure)
            self._why = self._opened_by.what
            self._pause(now)
            return
        self._down = False
        self.next_probe_at = None
        self._reading, self._writing = _Direction(), _Direction()
        self._corrupt_at.clear()
        self._settle(now)

    # ------------------------------------------------------------ answers

    def expected_s(self, verb: str, size: int | None = None) -> float:
        """How long a call is expected to take. Without `size`: a large one, as far as there were any."""
        latency = self._nearest(verb, size)
        return self._guess_s() if latency is None else latency.expected_s(self.clock.monotonic())

    def mean_s(self, verb: str, size: int) -> float:
        """As `expected_s`, without fading: for who is asked anyway, and needs no reason to be tried again."""
        latency = self._nearest(verb, size)
        return self._guess_s() if latency is None else latency.mean_s

    @property
    def known(self) -> bool:
        """Whether the provider has answered anything yet."""
        return any(latency.answered for latency in self._latencies.values())

    def usual_s(self) -> float:
        """What small calls take at most, but for 5 of 100, whatever they are; a guess before the first.

        Unlike `expected_s` it does not fade: who is far away is so after a quiet hour as well.
        """
        small = [
            latency.late_s()
            for (_, size), latency in self._latencies.items()
            if size == 0 and latency.answered
        ]
        return max(small, default=expected_s_guess)

    def late_s(self, verb: str, size: int | None = None) -> float:
        """After how long a call is later than this provider's usually are. Without `size` as above."""
        latency = self._nearest(verb, size)
        late = self._guess_s() if latency is None else latency.late_s()
        return min(max(late, late_s_min), late_s_max)

    def findings(self) -> Findings:
        """All of it, for people."""
        verbs = sorted({verb for verb, _ in self._latencies})
        return Findings(
            name=self.name,
            state=self.state,
            since_s=self.clock.monotonic() - self._since,
            why=self._why,
            calls=self._calls,
            failures=dict(self._failures),
            corrupt=self._corrupt,
            opened=self._opened,
            expected_s={verb: self.expected_s(verb) for verb in verbs},
        )

    def troubles(self) -> tuple[Trouble, ...]:
        """What somebody should mend, the weightiest first, each once."""
        found = [self._stranger] if self._estranged else []
        found += [self._opened_by] if self._down and self._opened_by is not None else []
        return tuple(dict.fromkeys([*found, *self._refusals.values()]))

    # ------------------------------------------------------------ within

    def _note_refusal(self, verb: str, error: ProviderError | None) -> None:
        if error is None or isinstance(error, NotFound | Exists):
            if self._refusals:
                self._refusals.pop(_rights.get(verb, verb), None)
        elif trouble.is_lasting(error):
            self._refusals[_rights.get(verb, verb)] = trouble.of_error(error)

    def _open(self, why: Trouble, now: float) -> None:
        if self._down:
            return
        if now - self._opened_at > calm_s:
            self._pauses = 0
        self._down = True
        self._why, self._opened_by = why.what, why
        self._opened += 1
        self._pause(now)
        self._settle(now)

    def _pause(self, now: float) -> None:
        pause = min(probe_pause_s_max, probe_pause_s_min * 2.0**self._pauses)
        self._pauses = min(self._pauses + 1, 16)
        self._opened_at = now
        self.next_probe_at = now + pause * self.entropy.uniform(0.5, 1.0)

    def _settle(self, now: float) -> None:
        state: State = "estranged" if self._estranged else "down" if self._down else "healthy"
        if state == self.state:
            return
        self.state = state
        self.available = state == "healthy"
        self._since = now
        self.changed()

    def _guess_s(self) -> float:
        """For a verb that was not used yet. The way to the provider is no shorter for it."""
        return max(expected_s_guess, self.usual_s())

    def _latency(self, verb: str, size: int) -> Latency:
        which = (verb, _size_class(size))
        latency = self._latencies.get(which)
        if latency is None:
            latency = self._latencies[which] = Latency()
        return latency

    def _nearest(self, verb: str, size: int | None) -> Latency | None:
        """The durations of calls of that size, or else of the next smaller or larger ones."""
        own = len(_size_limits) if size is None else _size_class(size)
        for size_class in (*range(own, -1, -1), *range(own + 1, len(_size_limits) + 1)):
            latency = self._latencies.get((verb, size_class))
            if latency is not None and latency.known:
                return latency
        return None


def _is_answer(verb: str, error: ProviderError) -> bool:
    return isinstance(error, _answers) or (isinstance(error, Denied) and verb not in _reads)


def _size_class(size: int) -> int:
    if size < _size_limits[0]:
        return 0
    return 1 if size < _size_limits[1] else 2
