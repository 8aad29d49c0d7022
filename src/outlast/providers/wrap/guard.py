"""The layer between the store and a provider: a deadline for every call, its health, and its marker.

While the provider is healthy the guard only measures. While it is down or estranged every call fails at once,
and `watch` detects when that is over: it probes a down provider with a real write, read, and delete, and
reads the marker of an estranged one. Neither affects client requests.

`wrap.attest`, which is inside the guard, ensures that a call counts only under the marker, and reports the
result of each marker read to the guard. In addition to the reads that calls need, the marker is read every
few seconds while the provider is in use, and soon after a `NotFound`, the first sign of an erasure. Otherwise
it is read every `quiet_period_s`: if each request costs money, an idle gateway sends few, and the first call
after a pause triggers a concurrent read of the marker.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.errors import Cause, Denied, Estranged, Full, NotFound, ProviderError, Unavailable
from outlast.base.marks import reached
from outlast.providers import trouble
from outlast.providers.health import Health, silence_s_max
from outlast.providers.marker import Marker
from outlast.providers.patience import Patience
from outlast.providers.protocol import Provider
from outlast.providers.space import SpaceWatch
from outlast.providers.trouble import Trouble
from outlast.providers.wrap.attest import Attest
from outlast.providers.wrap.layers import drill_of, keeps_versions, space_of
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")

# The time for a call's answer; the time for its bytes is added (`Patience`).
deadline_s_base = 5.0
# A `get` of an entire object does not know its size. No object of ours is much larger than this.
whole_bytes_guess = 8 * limits.MIB
# How often the marker is read: for a healthy provider, for an estranged one, and at most after `NotFound`.
marker_period_s = 5.0
estranged_period_s = 1.0
# How often without traffic if requests cost money: 12 an hour.
network_quiet_period_s = 300.0
not_found_period_s = 1.0
# The deadline for the marker, a few hundred bytes. Short, so that the watch detects failures before clients
# do. The first read gets more time: the provider's distance is not known yet, and the read opens the
# connection.
marker_deadline_s = 2.0
first_marker_deadline_s = 4.0
# The deadline of the probe of a provider that is suspected to hang. A disk under heavy load can take a second
# for an fsync, and then all providers on it do: too short a deadline would mark all of them as down.
suspect_deadline_s = 2.0
# What a probe writes; and what an examination does, which somebody asked for and waits for: a few bytes say
# nothing about whether a stripe fits.
probe_bytes = 64
examined_bytes = limits.stripe_bytes
examined_bytes_per_s = limits.MIB // 2
# How often a provider that was full is tried again.
space_period_s = 60.0


class Guard(Wrapper):
    """`inner`, with a deadline, `health`, and the `marker` that it should have (None: it is not checked).

    Callers that must reach the provider although it is estranged use `inner`.
    """

    def __init__(
        self,
        inner: Provider,
        health: Health,
        clock: Clock,
        marker: Marker | None = None,
        quiet_period_s: float = marker_period_s,
    ) -> None:
        super().__init__(inner)
        self.health = health
        self._name = inner.name
        self._clock = clock
        self._attest = None if marker is None else Attest(inner, marker, clock)
        if self._attest is not None:
            self._through = self._attest
            self._attest.seen = self._marker_seen
        self.space_watch = SpaceWatch(clock)
        """How much room the provider has, where that is known."""
        self._space_tried_at = float("-inf")
        self.quiet_period_s = quiet_period_s
        """How often the marker is read while the provider is not in use."""
        self._marker_read_at = float("-inf")
        self._marker_wanted = True
        self._suspected = False
        self._patience = {"reads": Patience(deadline_s_base), "writes": Patience(deadline_s_base)}
        self._in_flight = 0
        self._silence: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        health.changed = self._wake.set
        health.drill = lambda: drill_of(inner)

    # ------------------------------------------------------------ the marker

    @property
    def incarnation(self) -> bytes:
        return self._marked().incarnation

    @property
    def attested_at(self) -> float:
        """A moment (clock's monotonic s) at or after which the place was ours."""
        return self._marked().attested_at

    def expect(self, incarnation: bytes) -> None:
        """From now on the marker should hold `incarnation`: the provider was reattached."""
        self._marked().expect(incarnation)
        self._want_marker()

    async def attest(self, since: float | None = None) -> None:
        """See `wrap.attest`."""
        if not self.health.available:
            raise self._refusal("attest")
        try:
            async with asyncio.timeout(deadline_s_base):
                await self._marked().attest(since)
        except TimeoutError:
            raise self._timeout("attest") from None

    async def check(self) -> ProviderError | None:
        """Read the marker now, and report the result to health. Returns the error, if any."""
        self._marker_wanted = False
        self._marker_read_at = began = self._clock.monotonic()
        if self._attest is None:
            return None
        try:
            async with asyncio.timeout(self._patience_s(marker_deadline_s, 1)):
                await self._attest.attest()
        except TimeoutError:
            failure = self._timeout("get")
            self._failed(began, failure)
            return failure
        except Estranged:
            return None  # this is an answer, and health already knows
        except ProviderError as error:
            return error
        await self._look_at_space()
        return None

    async def _look_at_space(self) -> None:
        try:
            async with asyncio.timeout(marker_deadline_s):
                self.space_watch.record(await space_of(self.inner))
        except (TimeoutError, ProviderError):
            self.space_watch.record(None)  # calls show what is the matter

    def _marker_seen(self, seconds: float, error: ProviderError | None, stranger: Trouble | None) -> None:
        self.health.report("get", seconds, error)
        if error is None:
            self.health.report_marker(stranger is None, stranger or trouble.emptied)

    def _marked(self) -> Attest:
        assert self._attest is not None, "a guard without a marker expects nothing"
        return self._attest

    def troubles(self) -> tuple[Trouble, ...]:
        """What a person should fix, as far as known."""
        found = [*self.health.troubles()]
        drill = drill_of(self.inner)
        if drill and not any(one.kind == "drill" for one in found):
            found.insert(0, trouble.of_drill(drill, self._name))
        space = self.space_watch.space
        short = None if space is None else trouble.of_space(space, self.space_watch.lost_in_hour)
        # What was refused says more than what is left.
        if short is not None and self.health.refused_bytes is None:
            found.append(short)
        if keeps_versions(self.inner):
            found.append(trouble.versioned)
        return tuple(found)

    async def examine(self) -> ProviderError | None:
        """Read the marker, and write, read and delete a stripe. What went wrong is returned.

        In this way a process that has just started learns what others know from their traffic
        (`health.findings`).
        """
        failure = await self.check()
        if failure is None and self.health.state != "estranged":
            deadline_s = self._patience_s(suspect_deadline_s, 3) + examined_bytes / examined_bytes_per_s
            failure = await self._question(deadline_s, examined_bytes)
        if failure is not None:
            self.health.report_examined(failure)
        return failure

    async def close(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        await self._through.close()

    async def watch(self) -> None:
        """Until cancelled, detect when the provider stops being healthy, and when it recovers."""
        while True:
            pause = await self._look()
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass  # nothing happened meanwhile; the next check is due
            self._wake.clear()

    # ------------------------------------------------------------ calls

    async def around(self, call: Call, perform: Perform[T]) -> T:
        health, verb = self.health, call.verb
        size = whole_bytes_guess if call.size is None else call.size
        if not health.available:
            raise self._refusal(verb)
        began = self._clock.monotonic()
        if not self._marker_wanted and began - self._marker_read_at >= marker_period_s:
            self._want_marker()
        if health.started(verb, began):
            self._suspect()
        self._in_flight += 1
        if self._silence is None:
            self._listen()
        patience = self._patience["writes" if call.writes else "reads"]
        deadline_s = patience.deadline_s(size)
        try:
            async with asyncio.timeout(deadline_s):
                answer = await perform()
        except ProviderError as error:
            self._failed(began, error, size)
            raise
        except TimeoutError:
            failure = self._timeout(verb)
            if health.has_answered(verb, began) and patience.extend(size, deadline_s):
                reached("guard: a slow provider is given more time")
                health.report_given_up(verb, self._clock.monotonic() - began, size)
            else:
                reached("guard: a deadline has passed")
                self._failed(began, failure)
            raise failure from None
        except asyncio.CancelledError:
            health.report_given_up(verb, self._clock.monotonic() - began, size)
            raise
        finally:
            self._in_flight -= 1
        moved = len(answer) if isinstance(answer, bytes) else size
        took_s = self._clock.monotonic() - began
        patience.answered(moved, took_s)
        health.report(verb, took_s, None, moved)
        return answer

    def _failed(self, began: float, error: ProviderError, size: int = 0) -> None:
        now = self._clock.monotonic()
        self.health.report(error.verb, now - began, error, size)
        if isinstance(error, Estranged) and self._attest is not None:
            # At once, so that nothing more is sent there; the marker read shows what has happened.
            self.health.report_marker(False, trouble.of_error(error))
            self._want_marker()
        elif isinstance(error, NotFound) and now - self._marker_read_at > not_found_period_s:
            self._want_marker()

    def _timeout(self, verb: str) -> Unavailable:
        return Unavailable(self._name, verb, "no answer before the deadline", Cause.TIMEOUT)

    def _refusal(self, verb: str) -> ProviderError:
        if self.health.state == "estranged":
            reached("guard: a call to an estranged provider was refused")
            return Estranged(self._name, verb, "its marker is missing or another's")
        reached("guard: a call to a provider that is down was refused")
        return Unavailable(self._name, verb, "it is down", Cause.BREAKER)

    def _listen(self) -> None:
        """Check later whether calls in flight were answered: no further call may come to notice it."""
        self._silence = asyncio.get_running_loop().call_later(silence_s_max, self._look_at_silence)

    def _look_at_silence(self) -> None:
        self._silence = None
        if self._in_flight:
            if self.health.silent(self._clock.monotonic()):
                self._suspect()
            self._listen()

    def _suspect(self) -> None:
        self._suspected = True
        self._wake.set()

    def _want_marker(self) -> None:
        self._marker_wanted = True
        self._wake.set()

    # ------------------------------------------------------------ the watch

    async def _look(self) -> float:
        """Do what is due. Returns the seconds until the next check."""
        if self._suspected:
            self._suspected = False
            reached("guard: a silent provider was questioned")
            if self.health.available:
                await self._question(self._patience_s(suspect_deadline_s, 3))
        if self.health.next_probe_at is not None:
            return await self._look_at_down(self.health.next_probe_at)
        period = self._period_s()
        if self._marker_wanted or self._clock.monotonic() >= self._marker_read_at + period:
            await self.check()
        await self._try_space()
        return max(0.0, self._marker_read_at + period - self._clock.monotonic())

    async def _try_space(self) -> None:
        """Find out whether a provider that was full takes a write of that size by now."""
        size, now = self.health.refused_bytes, self._clock.monotonic()
        if size is None or now - self._space_tried_at < space_period_s:
            return
        self._space_tried_at = now
        space = self.space_watch.space
        if self.health.available and (space is None or space.free > size):
            await self._probe(deadline_s_base + size / examined_bytes_per_s, size)

    def _period_s(self) -> float:
        """How long a marker read stays fresh."""
        if self.health.state != "estranged":
            return self.quiet_period_s
        longest = self.quiet_period_s / marker_period_s * estranged_period_s
        return max(estranged_period_s, min(longest, self.health.findings().since_s / 10))

    def _patience_s(self, least_s: float, calls: int) -> float:
        """How long the guard waits for answers to `calls` small calls in sequence."""
        if not self.health.durations.known:
            return max(least_s, first_marker_deadline_s)
        return min(max(least_s, 4 * calls * self.health.durations.round_trip_s()), deadline_s_base)

    async def _look_at_down(self, probe_at: float) -> float:
        now = self._clock.monotonic()
        if now < probe_at:
            return probe_at - now
        failure = await self.check()  # first: a provider that comes back empty must not be used in between
        if failure is None and self.health.state != "estranged":
            failure = await self._probe(deadline_s_base)
        self.health.report_probe(failure)
        if self.health.available:
            reached("guard: a provider is back")
        return 0.0

    async def _question(self, deadline_s: float, size: int = probe_bytes) -> ProviderError | None:
        """Find out, before the next deadline does, whether a silent provider hangs. What went wrong."""
        began = self._clock.monotonic()
        failure = await self._probe(deadline_s, size)
        if failure is not None:
            self.health.report(failure.verb, self._clock.monotonic() - began, failure)
        return failure

    async def _probe(self, deadline_s: float, size: int = probe_bytes) -> ProviderError | None:
        """Write, read, compare and delete within the deadline. What went wrong; None if nothing did."""
        key, content = f"probe/{self.health.entropy.bytes(8).hex()}", self.health.entropy.bytes(size)
        verb = "put"
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(deadline_s):
                await self._timed(verb, self._through.put, key, content)
                verb = "get"
                read = await self._timed(verb, self._through.get, key)
                verb = "delete"
                await self._timed(verb, self._through.delete, key)
        except TimeoutError:
            return self._timeout(verb)
        except Full:
            return None  # it answers, and reads work
        except Estranged as error:
            self._failed(began, error)
            return None  # it answers
        except Denied as error:
            return error if verb == "get" else None  # a refused write is an answer; see `health`
        except NotFound:
            return Unavailable(self._name, verb, "an object that was just written is missing", Cause.CORRUPT)
        except ProviderError as error:
            return error
        if read != content:
            return Unavailable(self._name, "get", "the bytes read differ from those written", Cause.CORRUPT)
        return None

    async def _timed(self, verb: str, method: Callable[..., Awaitable[T]], *arguments: object) -> T:
        began = self._clock.monotonic()
        size = sum(len(argument) for argument in arguments if isinstance(argument, bytes))
        try:
            answer = await method(*arguments)
        except (Denied, Full) as error:
            if verb != "get":  # the caller reports failures; this is an answer
                self.health.report(verb, self._clock.monotonic() - began, error, size)
            raise
        self.health.report(verb, self._clock.monotonic() - began, None, size)
        return answer
