"""What a provider can do, measured by having it do it.

Some providers ignore a condition they do not know, and some check it first and write then, which lets
several racers win. Their documentation does not settle it, so everything is tried: write, read, list, delete,
and races of 32 creators, of which exactly one must win each. A provider that fails a race can hold data but
never vote.

A probe proves a fault when it observes one; it cannot prove that there is none. It is designed to be likely
to observe one: several rounds, all racers released at the same moment.

A throttled racer has neither won nor lost, and proves nothing. Some clouds let one name be written once a
second, and throttle all other racers; a round without a winner is repeated.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from statistics import median

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait
from outlast.base.entropy import Entropy
from outlast.base.errors import Cause, Exists, NotFound, ProviderError
from outlast.providers.protocol import Provider

racers = 32
race_rounds = 4
# Only probes write under these names, so the leftovers of a killed probe are recognized.
probe_prefix = "probe/"
_probe_key = re.compile(re.escape(probe_prefix) + r"[0-9a-f]{16}-\d{4}")
# Rounds that may be repeated because the provider throttled every racer, and the rest before each.
busy_rounds_max = 4
busy_rest_s = 1.0
round_trips = 5
# One step of the probe may take this long; a provider that needs more is of no use anyway.
step_s_max = 30.0
content_bytes = 4096
# What an interrupted probe wrote is deleted within this time, or left.
clean_s_max = 3.0
large_bytes = limits.stripe_bytes


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What was observed to work. `reasons` says why everything else did not."""

    readable: bool
    writable: bool
    listable: bool
    deletable: bool
    creates_atomically: bool
    reasons: tuple[str, ...]
    round_trip_s: float
    """The median of a few small reads; 0 if none succeeded."""
    write_s: float = 0.0
    """The median of a few small writes; 0 if none succeeded."""
    errors: tuple[ProviderError, ...] = ()
    """What the provider itself said about everything that did not work."""

    @property
    def may_vote(self) -> bool:
        """Whether it can take part in agreement."""
        return self.readable and self.creates_atomically

    @property
    def may_hold_data(self) -> bool:
        """Whether it can hold fragments."""
        return self.readable and self.writable and self.listable and self.deletable


class _Failed(Exception):
    """A step of the probe showed that the provider cannot do something, and how."""


class _Busy(Exception):
    """No racer won, and some were throttled."""


async def probe(provider: Provider, entropy: Entropy, clock: Clock | None = None) -> Capabilities:
    """Try everything, under names below `probe/` that are removed again, even if this is canceled.

    Raises nothing; failures are in `reasons`.

    Without a `clock`, the event loop's is used, which some loops round to milliseconds.
    """
    return await _Probe(provider, entropy, clock).run()


def is_of_probe(key: str) -> bool:
    """Whether a probe wrote this object."""
    return _probe_key.fullmatch(key) is not None


async def delete_quietly(provider: Provider, keys: Sequence[str]) -> None:
    """Delete what probes wrote, as far as the provider allows in time."""
    try:
        async with asyncio.timeout(clean_s_max):
            await asyncio.gather(*map(provider.delete, keys), return_exceptions=True)
    except TimeoutError:
        pass  # the next survey recognizes it by its name


class _Probe:
    """One probe of one provider. Each step raises `_Failed` or a provider's error, or succeeds."""

    def __init__(self, provider: Provider, entropy: Entropy, clock: Clock | None) -> None:
        self._provider = provider
        self._now = asyncio.get_running_loop().time if clock is None else clock.monotonic
        self._entropy = entropy
        self._prefix = f"{probe_prefix}{entropy.bytes(8).hex()}-"
        self._keys: list[str] = []
        self._reasons: list[str] = []
        self._hung = False
        self._writes: list[asyncio.Task[None]] = []
        self._errors: list[ProviderError] = []
        self._round_trip_s = self._write_s = 0.0

    async def run(self) -> Capabilities:
        try:
            return await self._try_all()
        finally:
            await self._clean()

    async def _clean(self) -> None:
        """Delete what is there, unless the provider hangs; first wait for writes that may still land."""
        if self._writes and not self._hung:
            await asyncio.wait(self._writes, timeout=clean_s_max)
        await cancel_and_wait(self._writes)
        if not self._hung:
            await delete_quietly(self._provider, self._keys)

    async def _try_all(self) -> Capabilities:
        writable = await self._works("write", self._write)
        readable = writable and await self._works("read", self._read)
        listable = readable and await self._works("list", self._list)
        creates = readable and await self._works("create", self._create)
        deletable = writable and await self._works("delete", self._delete)
        return Capabilities(
            readable=readable,
            writable=writable,
            listable=listable,
            deletable=deletable,
            creates_atomically=creates,
            reasons=tuple(self._reasons),
            round_trip_s=self._round_trip_s,
            write_s=self._write_s,
            errors=tuple(self._errors),
        )

    async def _works(self, what: str, step: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout(step_s_max):
                await step()
        except TimeoutError:
            self._hung = True
            self._reasons.append(f"{what}: no answer within {step_s_max:.0f} s")
        except (_Failed, ProviderError) as error:
            self._reasons.append(f"{what}: {error}")
            if isinstance(error, ProviderError):
                self._errors.append(error)
        except Exception as error:  # a provider that misbehaves in an unknown way is a finding, too
            self._reasons.append(f"{what}: {type(error).__name__}: {error}")
        else:
            return True
        return False

    def _key(self) -> str:
        self._keys.append(f"{self._prefix}{len(self._keys):04d}")
        return self._keys[-1]

    # ------------------------------------------------------------ steps

    async def _write(self) -> None:
        took = []
        for _ in range(round_trips):
            began = self._now()
            await self._finish(self._provider.put(self._key(), self._entropy.bytes(content_bytes)))
            took.append(self._now() - began)
        self._write_s = median(took)
        # A place that is nearly full, or whose quota is nearly used up, still takes a little.
        await self._finish(self._provider.put(self._key(), self._entropy.bytes(large_bytes)))

    async def _read(self) -> None:
        key, content = self._key(), self._entropy.bytes(content_bytes)
        await self._finish(self._provider.put(key, content))
        took = []
        for _ in range(round_trips):
            began = self._now()
            await self._expect(key, content)
            took.append(self._now() - began)
        if await self._provider.get(key, (1000, 2000)) != content[1000:2000]:
            raise _Failed("a range of an object differs from the complete object")
        if (await self._provider.head(key)).size != content_bytes:
            raise _Failed("an object does not have the size that was written")
        self._round_trip_s = median(took)

    async def _list(self) -> None:
        wanted = sorted(self._keys)
        listed = [entry.key async for entry in self._provider.list(self._prefix)]
        if listed != wanted:
            raise _Failed(f"of {len(wanted)} objects written, {len(listed)} are listed, or in another order")
        after = [entry.key async for entry in self._provider.list(self._prefix, wanted[0])]
        if after != wanted[1:]:
            raise _Failed("a listing does not begin after the given name")

    async def _create(self) -> None:
        held = busy = 0
        while held < race_rounds:
            key = self._key()
            try:
                await self._race(key)
                held += 1
            except _Busy:
                busy = await self._rest(busy)

    async def _delete(self) -> None:
        for key in self._keys:
            await self._provider.delete(key)
        for key in self._keys:
            try:
                await self._provider.get(key)
            except NotFound:
                continue
            raise _Failed("a deleted object can still be read")
        await self._provider.delete(self._keys[0])
        self._keys.clear()

    # ------------------------------------------------------------ pieces

    async def _race(self, key: str) -> None:
        """Let all racers create it at once. Exactly one must win, and its content must be there."""
        start = asyncio.Event()

        async def racer(content: bytes) -> bool:
            await start.wait()
            try:
                await self._finish(self._provider.create(key, content))
            except Exists:
                return False
            except ProviderError as error:
                if error.cause is not Cause.THROTTLED:
                    raise
                throttled.append(error)
                return False
            return True

        throttled: list[ProviderError] = []
        contents = [self._entropy.bytes(content_bytes) for _ in range(racers)]
        tasks = [asyncio.ensure_future(racer(content)) for content in contents]
        start.set()
        try:
            wins = await asyncio.gather(*tasks)
        finally:
            await cancel_and_wait(tasks)
        won = [content for content, win in zip(contents, wins, strict=True) if win]
        if not won and throttled:
            raise _Busy
        if len(won) != 1:
            raise _Failed(f"{len(won)} of {racers} racers won: its conditions are not atomic")
        await self._expect(key, won[0])

    async def _rest(self, busy: int) -> int:
        """Wait before a round is repeated; return how many have been."""
        if busy == busy_rounds_max:
            raise _Failed("it throttles so much that its conditions cannot be tried")
        try:
            async with asyncio.timeout(busy_rest_s):
                await asyncio.Event().wait()
        except TimeoutError:
            pass  # that is the rest
        return busy + 1

    async def _finish(self, write: Coroutine[None, None, None]) -> None:
        """Await a write. If this is canceled the write goes on, since it cannot be undone before it ends."""
        writing = asyncio.create_task(write)
        self._writes.append(writing)
        await asyncio.shield(writing)
        self._writes.remove(writing)

    async def _expect(self, key: str, content: bytes) -> None:
        if await self._provider.get(key) != content:
            raise _Failed("the bytes read differ from those written")
