"""A client that writes and reads throughout a drill, and checks every byte.

Each canary has its own objects in the drills' bucket, below a prefix that no other drill uses, since several
may run at once: a few small ones (stored in the log) and a few large ones (stored as fragments). One half
overwrites them in turn, each on the condition that its last version is still current; the other half reads
them. A write whose outcome is unknown may take effect later: its key is abandoned for a new one, so that
every read has an answer that is right or wrong.
"""

import asyncio
import hashlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait
from outlast.base.entropy import Entropy
from outlast.base.errors import (
    BucketExists,
    BucketNotEmpty,
    NoSuchBucket,
    StoreCorrupt,
    StoreError,
    StoreUnavailable,
)
from outlast.catalog.records import Condition
from outlast.outages.drill.promise import Deed
from outlast.store import Store

bucket = "outlast-drill"
"""The canaries' own. The last one deletes it, unless another client has put something there."""
prefix = "canary/"
objects_of_a_kind = 4
small_bytes = 1000
# Longer than the store itself waits for anything: a request that takes longer has failed.
answer_s_max = 30.0
# A running canary overwrites its objects every few seconds, unless the store hardly works. What is older
# than this while no drill is in force was left by one that was killed.
left_s = 120.0


@dataclass(slots=True)
class Window:
    """The requests begun between two moments. `seconds`: durations of those that succeeded.

    A request that had not ended when the canary stopped waiting counts with the time elapsed by then.
    """

    seconds: "dict[str, array[float]]" = field(
        default_factory=lambda: {"read": array("d"), "write": array("d")}
    )
    failed: dict[str, int] = field(default_factory=lambda: {"read": 0, "write": 0})


@dataclass(slots=True)
class _Object:
    key: str
    size: int
    content: bytes = b""
    etag: str = ""
    pending: bytes | None = None
    """The content that is being written."""


class Canary:
    """`open` it, `run` it, `close` it. `failed(deed, wrong, text)` is called for each failure."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        pause_s: float,
        failed: Callable[[Deed, bool, str], None],
        bucket: str = bucket,
    ) -> None:
        """`pause_s`: how long each half pauses after a request."""
        self.window = Window()
        """The window that counts requests begun from now on."""
        self._store = store
        self._bucket = bucket
        self._clock = clock
        self._entropy = entropy
        self._pause_s = pause_s
        self._failed = failed
        self._prefix = f"{prefix}{entropy.bytes(4).hex()}/"
        self._running: dict[str, tuple[Window, float]] = {}
        """By kind of request, the one in flight: the window in which it counts, and when it began."""
        self._named = 0
        self._objects: list[_Object] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Write every object once. Raises `StoreUnavailable`."""
        await self._make_bucket()
        await self._sweep_left()
        for size in (small_bytes, limits.inline_bytes_max + 1):
            for _ in range(objects_of_a_kind):
                made = _Object(self._name(), size)
                try:
                    await self._put(made, Condition("absent"))
                except NoSuchBucket:  # another drill has just ended, and deleted it
                    await self._make_bucket()
                    await self._put(made, Condition("absent"))
                self._objects.append(made)

    def start(self) -> None:
        """Start writing and reading, until `close`."""
        self._tasks = [asyncio.ensure_future(self._write_all()), asyncio.ensure_future(self._read_all())]

    async def close(self) -> None:
        """Stop, and delete everything that was written. Raises `StoreUnavailable`."""
        now = self._clock.monotonic()
        for kind, (window, began) in self._running.items():
            window.seconds[kind].append(now - began)
        await cancel_and_wait(self._tasks)
        await self._delete(self._prefix)
        try:
            await self._store.delete_bucket(self._bucket)
        except (BucketNotEmpty, NoSuchBucket):
            pass  # another client's objects are there, or another client was quicker
        for task in self._tasks:
            if not task.cancelled():
                task.result()  # it ended by itself, which only a bug of ours can cause

    def busy_since(self, before: float) -> bool:
        """Whether a request is in flight that began before that moment (clock's monotonic s)."""
        return any(began < before for _, began in self._running.values())

    # ------------------------------------------------------------ the two halves

    async def _write_all(self) -> None:
        turn = 0
        while True:
            # Small and large in turn.
            at = turn % 2 * objects_of_a_kind + turn // 2 % objects_of_a_kind
            turn += 1
            await self._write(at)
            await self._clock.sleep(self._pause_s)

    async def _write(self, at: int) -> None:
        it = self._objects[at]
        deed: Deed = "small write" if it.size <= limits.inline_bytes_max else "large write"
        condition = Condition("match", it.etag) if it.etag else Condition("absent")
        window, began = self._begin("write")
        try:
            async with asyncio.timeout(answer_s_max):
                await self._put(it, condition)
        except (StoreError, TimeoutError) as error:
            self._running.pop("write")
            window.failed["write"] += 1
            self._objects[at] = _Object(self._name(), it.size)
            self._failed(deed, _is_wrong(error), f"{deed} of {it.key}: {_text(error)}")
        else:
            self._running.pop("write")
            window.seconds["write"].append(self._clock.monotonic() - began)

    async def _read_all(self) -> None:
        while True:
            written = [it for it in self._objects if it.etag]
            if written:
                await self._read(written[int(self._entropy.uniform(0, len(written) - 0.001))])
            await self._clock.sleep(self._pause_s)

    async def _read(self, it: _Object) -> None:
        right = {it.content, it.pending}
        window, began = self._begin("read")
        try:
            async with asyncio.timeout(answer_s_max):
                async with self._store.get(self._bucket, it.key) as reading:
                    content = await reading.read()
        except (StoreError, TimeoutError) as error:
            self._running.pop("read")
            window.failed["read"] += 1
            self._failed("read", _is_wrong(error), f"read of {it.key}: {_text(error)}")
            return
        self._running.pop("read")
        window.seconds["read"].append(self._clock.monotonic() - began)
        if content not in right | {it.content, it.pending}:
            window.failed["read"] += 1
            self._failed("read", True, f"read of {it.key}: other bytes than were written")

    def _begin(self, kind: str) -> tuple[Window, float]:
        begun = self._running[kind] = self.window, self._clock.monotonic()
        return begun

    # ------------------------------------------------------------ objects

    def _name(self) -> str:
        self._named += 1
        return f"{self._prefix}{self._named}"

    async def _put(self, it: _Object, condition: Condition) -> None:
        content = hashlib.shake_128(self._entropy.bytes(16)).digest(it.size)
        it.pending = content
        version = await self._store.put(self._bucket, it.key, content, condition=condition)
        it.content, it.etag, it.pending = content, version.etag, None

    async def _make_bucket(self) -> None:
        try:
            await self._store.create_bucket(self._bucket)
        except BucketExists:
            pass  # of a running drill, or of one whose process was killed

    async def _sweep_left(self) -> None:
        """Delete what killed drills left, unless a drill is in force: others may then be unable to write."""
        now = self._clock.now()
        if any(drill.until / 1000 > now for drill in self._store.catalog.state.drills()):
            return
        newest: dict[str, float] = {}
        after = ""
        while page := (await self._store.list(self._bucket, prefix, start_after=after)).entries:
            for entry in page:
                run = entry.key[: entry.key.rindex("/") + 1]
                newest[run] = max(newest.get(run, 0.0), entry.modified / 1000)
            after = page[-1].key
        for run, modified in newest.items():
            if modified < now - left_s:
                await self._delete(run)

    async def _delete(self, prefix: str) -> None:
        try:
            while entries := (await self._store.list(self._bucket, prefix)).entries:
                await self._store.delete_many(self._bucket, [entry.key for entry in entries])
        except NoSuchBucket:
            pass  # nothing to delete


def _is_wrong(error: Exception) -> bool:
    """Whether the store gave a wrong answer, rather than none in time."""
    return not isinstance(error, StoreUnavailable | StoreCorrupt | TimeoutError)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
