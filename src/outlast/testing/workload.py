"""A mixed load of many clients on one bucket: every read is checked, and everything is recorded.

    load = Load([target, ...], clock, entropy, mix=Mix(keys=200))
    report = await load.run(clients=16, until=lambda: clock.monotonic() > end)
    assert not report.failures and not report.wrong
    assert (verdict := linearizable(load.history)).ok, verdict

Contents are a function of their label (the writer's name and a number), so the bytes of any read can be
checked without keeping what was written: the label determines them. Whether the label is the right one
for that moment is checked by the history's checker.

`LoadReport.latencies` has the start and the duration of each request, so that the same run yields the
percentiles before, during, and after a fault.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from outlast.base.clock import Clock
from outlast.base.concurrency import offload
from outlast.base.entropy import Entropy
from outlast.base.limits import KIB, MIB
from outlast.catalog.records import Condition
from outlast.testing.history import ClientHistory, ClientOperation, Kind
from outlast.testing.targets import Refused, Rejected, Target, Unanswered

T = TypeVar("T")

SIZES = (
    (40, 4 * KIB),
    (10, 0),
    (10, 1),
    (10, 100 * KIB),
    (6, 128 * KIB),
    (6, 128 * KIB + 1),
    (6, 1 * MIB),
    (6, 1 * MIB + 1),
    (4, 5 * MIB + 3),
    (1, 16 * MIB + 1),
    (1, 32 * MIB),
)
"""(weight, bytes): small ones as in real use, and both sides of every bound of the format."""

SMALL_SIZES = tuple((weight, size) for weight, size in SIZES if size <= 1 * MIB + 1)

OPERATIONS: tuple[tuple[float, Kind | str], ...] = (
    (30, "put"),
    (40, "get"),
    (8, "create"),
    (8, "match"),
    (5, "delete"),
    (3, "delete-match"),
    (6, "list"),
)


NOBODYS_ETAG = "0" * 32


@dataclass(frozen=True, slots=True)
class Mix:
    """The clients' load: operations and sizes by weight, over `keys` keys below one prefix."""

    keys: int = 100
    prefix: str = "load/"
    sizes: Sequence[tuple[float, int]] = SIZES
    operations: Sequence[tuple[float, Kind | str]] = OPERATIONS
    """Those of `OPERATIONS`, and `range`, which reads a part and needs `sizes` above 0."""
    rest_s: float = 0.0
    """How long a client pauses after a request, on average."""


@dataclass(slots=True)
class LoadReport:
    """The results. `failures`: answers that a healthy store never gives. `wrong`: false bytes or ETags."""

    requests: int = 0
    bytes_written: int = 0
    bytes_read: int = 0
    failures: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    latencies: list[tuple[float, str, float]] = field(default_factory=list)
    """(when it began in the clock's monotonic seconds, operation, seconds)."""

    def percentile_s(
        self, share: float, operation: str = "", begin: float = float("-inf"), end: float = float("inf")
    ) -> float:
        """Return the `share` (0..1) percentile of the requests begun in [begin, end); 0 for none."""
        chosen = sorted(
            seconds
            for at, name, seconds in self.latencies
            if begin <= at < end and (not operation or name == operation)
        )
        return chosen[min(len(chosen) - 1, int(share * len(chosen)))] if chosen else 0.0


def content_of(label: str, size: int) -> bytes:
    """Return `size` bytes that belong to this label alone: a key stream of AES, at gigabytes a second."""
    key = hashlib.sha256(label.encode()).digest()
    return Cipher(AES(key), CTR(bytes(16))).encryptor().update(bytes(size))


class Load:
    """Clients that share a history, and a guess at each key's current ETag for their conditions.

    `name` must differ between loads on one bucket: it is in every label.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        clock: Clock,
        entropy: Entropy,
        mix: Mix | None = None,
        history: ClientHistory | None = None,
        name: str = "load",
    ) -> None:
        self.history = history or ClientHistory()
        self.report = LoadReport()
        self.targets = targets
        self._clock = clock
        self._entropy = entropy
        self._mix = mix or Mix()
        self._name = name
        self._written = 0
        self._etags: dict[str, str] = {}  # of what was or is being written, by label
        self._guess: dict[str, str] = {}  # the ETag last seen, by key

    async def run(self, clients: int, until: Callable[[], bool]) -> LoadReport:
        """Run `clients` clients until `until()`; they finish what they have begun."""
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._client(f"c{number}", self.targets[number % len(self.targets)], until))
        return self.report

    async def read_all(self, target: Target) -> LoadReport:
        """Read every key once from `target`, after the load: nothing acknowledged may be missing."""
        for number in range(self._mix.keys):
            await self.do("get", self.key(number), "reader", target)
        return self.report

    def key(self, number: int) -> str:
        """The key of that number, from 0."""
        return f"{self._mix.prefix}{number:05}"

    async def _client(self, client: str, target: Target, until: Callable[[], bool]) -> None:
        while not until():
            operation = self._chosen(self._mix.operations)
            key = self.key(min(self._mix.keys - 1, int(self._entropy.uniform(0, self._mix.keys))))
            await self.do(operation, key, client, target)
            if self._mix.rest_s:
                await self._clock.sleep(self._entropy.uniform(0, 2 * self._mix.rest_s))

    def _chosen(self, weighted: Sequence[tuple[float, T]]) -> T:
        left = self._entropy.uniform(0, sum(weight for weight, _ in weighted))
        for weight, value in weighted:
            left -= weight
            if left <= 0:
                return value
        return weighted[-1][1]

    async def do(self, operation: str, key: str, client: str, target: Target) -> None:
        """Do one request of `client`, recorded and checked like those of `run`."""
        began = self._clock.monotonic()
        try:
            if operation == "get":
                await self._get(key, client, target)
            elif operation == "range":
                await self._get(key, client, target, self._part())
            elif operation == "list":
                await self._list(client, target)
            elif operation in ("delete", "delete-match"):
                await self._delete(cast(Kind, operation), key, client, target)
            else:
                await self._put(cast(Kind, operation), key, client, target)
        except (Rejected, Unanswered) as error:
            self.report.failures.append(f"{client} {operation} {key}: {type(error).__name__}: {error}")
        self.report.requests += 1
        self.report.latencies.append((began, operation, self._clock.monotonic() - began))

    async def _put(self, kind: Kind, key: str, client: str, target: Target) -> None:
        self._written += 1
        size = self._chosen(self._mix.sizes)
        label = f"{self._name}.{client}.{self._written}.{size}"
        content = content_of(label, size)
        etag = self._etags[label] = (await offload(_md5, content)).hex()
        condition = self._condition(kind, key)
        expected = condition.etag if condition is not None and condition.kind == "match" else None
        operation = self.history.begin(key, kind, etag, expected, client)
        with self._recorded(operation):
            answered = await target.put(key, label, content, condition)
            operation.ok()
            self._guess[key] = etag
            self.report.bytes_written += size
            if answered != etag:
                self.report.wrong.append(f"{client} {kind} {key}: {label} got the ETag {answered}")

    async def _delete(self, kind: Kind, key: str, client: str, target: Target) -> None:
        condition = self._condition(kind, key)
        expected = None if condition is None else condition.etag
        operation = self.history.begin(key, kind, None, expected, client)
        with self._recorded(operation):
            await target.delete(key, condition)
            operation.ok()
            self._guess.pop(key, None)

    def _condition(self, kind: Kind, key: str) -> Condition | None:
        """For a match: the ETag last seen, which others may have replaced; that is the point."""
        if kind == "create":
            return Condition("absent")
        if kind in ("match", "delete-match"):
            return Condition("match", self._guess.get(key, NOBODYS_ETAG))
        return None

    @contextmanager
    def _recorded(self, operation: ClientOperation) -> Iterator[None]:
        """Record how a write ended, unless it succeeded. A refused condition is not a failure."""
        try:
            yield
        except Refused as error:
            if operation.kind not in ("create", "match", "delete-match"):
                operation.failed()
                raise Rejected(f"refused without a condition: {error}") from error
            operation.refused()
            self._guess.pop(operation.key, None)
        except Rejected:
            operation.failed()
            raise
        except Unanswered:
            operation.unknown()
            raise

    def _part(self) -> slice:
        """Return a part that every content has: from an offset in the smallest one on, or the end."""
        sizes = [size for _, size in self._mix.sizes]
        start = int(self._entropy.uniform(0, min(sizes) - 1))
        length = 1 + int(self._entropy.uniform(0, max(sizes)))
        return self._chosen(((1, slice(start, start + length)), (1, slice(-length, None))))

    async def _get(self, key: str, client: str, target: Target, part: slice | None = None) -> None:
        operation = self.history.begin(key, "get", client=client)
        seen = await target.get(key, part)
        operation.ok(None if seen is None else seen.etag)
        if seen is None:
            return
        self._guess[key] = seen.etag
        self.report.bytes_read += len(seen.content)
        size = int(seen.label.rpartition(".")[2] or -1)
        if self._etags.get(seen.label) != seen.etag:
            self.report.wrong.append(f"{client} get {key}: {seen.label} has the ETag {seen.etag}")
        elif seen.content != (await offload(content_of, seen.label, size))[part or slice(None)]:
            what = "" if part is None else f" in {part}"
            self.report.wrong.append(f"{client} get {key}: not the {size} bytes of {seen.label}{what}")

    async def _list(self, client: str, target: Target) -> None:
        listing = self.history.begin_list(map(self.key, range(self._mix.keys)), client)
        listing.ok(await target.list(self._mix.prefix))


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()
