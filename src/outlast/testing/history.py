"""What clients did and saw, and whether a store that handles one operation at a time could have answered so.

    history = History()
    write = history.begin("bucket/key", "put", value=etag)
    ...                                   # the request is made
    write.ok()                            # or write.unknown(), when it is not known whether it took effect
    read = history.begin("bucket/key", "get")
    read.ok(etag)                         # or read.ok(None) when there was no object
    assert (verdict := linearizable(history)).ok, verdict

Each key is a register that holds a value (an ETag, a hash: anything hashable that names the content) or
`None`. The history is linearizable if every operation can be given one moment between its beginning and its
end such that, one after another, they return the answers that were seen. Linearizability is local: a
history is linearizable when each key's is, so keys are checked one by one. A listing counts as one read of
each key that it could have shown (`ClientHistory.begin_list`); that it shows all of them at one moment is not
checked.

An operation whose outcome is unknown may take effect at any moment after its beginning, or never.

The search is Wing and Gong's, with Lowe's cache of the (operations done, state) pairs that led nowhere
("Testing for linearizability", 2017). It is exponential in the worst case, and near linear for histories
whose writes have different values; `states_max` bounds it.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Value: TypeAlias = Hashable | None
Kind: TypeAlias = Literal["put", "create", "match", "delete", "delete-match", "get"]
"""`create` writes if there is no object, `match` over `expected`; `delete-match` deletes `expected`."""
Outcome: TypeAlias = Literal["ok", "refused", "failed", "unknown"]
"""`refused`: its condition did not hold (412, 404). `failed`: it is certain that nothing happened."""

states_max = 2_000_000
"""How many (operations done, state) pairs are remembered for one key before the search gives up."""


class Undecided(Exception):
    """The search took more than `states_max` steps."""


@dataclass(slots=True, eq=False)
class ClientOperation:
    """One operation on one key. `invoked` and `returned` are positions in the order of all events."""

    history: "ClientHistory" = field(repr=False)
    key: str
    kind: Kind
    value: Value
    expected: Value
    client: str
    invoked: int
    returned: int | None = None
    outcome: Outcome = "unknown"
    seen: Value = None

    def ok(self, seen: Value = None) -> None:
        """Record that it took effect. `seen` is what a `get` saw."""
        self._end("ok", seen)

    def refused(self) -> None:
        """Record that its condition did not hold."""
        assert self.kind in ("create", "match", "delete-match"), "only a condition can be refused"
        self._end("refused")

    def failed(self) -> None:
        """Record that it had no effect and will have none."""
        self._end("failed")

    def unknown(self) -> None:
        """Record that it may take effect now, later, or never. So may an operation that never ends."""
        self._end("unknown")

    def _end(self, outcome: Outcome, seen: Value = None) -> None:
        assert self.returned is None, "an operation ends once"
        self.outcome, self.seen, self.returned = outcome, seen, self.history.tick()

    def __str__(self) -> str:
        detail = {
            "put": f"put {self.value!r}",
            "create": f"create {self.value!r}",
            "match": f"put {self.value!r} if {self.expected!r}",
            "delete": "delete",
            "delete-match": f"delete if {self.expected!r}",
            "get": f"get -> {self.seen!r}",
        }[self.kind]
        end = "..." if self.returned is None else self.returned
        return f"[{self.invoked:>5} {end:>5}] {self.client:<8} {detail} {self.outcome}"


class ClientHistory:
    """The operations of all clients of one process, in the order in which they began and ended."""

    def __init__(self) -> None:
        self.operations: list[ClientOperation] = []
        self._events = 0

    def tick(self) -> int:
        """Return the next position in the order of events."""
        self._events += 1
        return self._events

    def begin(
        self, key: str, kind: Kind, value: Value = None, expected: Value = None, client: str = ""
    ) -> ClientOperation:
        """Note that a client is about to send this request. Call it before the request is sent."""
        assert (value is not None) == (kind in ("put", "create", "match")), (
            "writers, and only they, have a value"
        )
        operation = ClientOperation(self, key, kind, value, expected, client, self.tick())
        self.operations.append(operation)
        return operation

    def begin_list(self, keys: Iterable[str], client: str = "") -> "ListOperation":
        """Note that a client is about to list; `keys` are those that could be shown."""
        return ListOperation({key: self.begin(key, "get", client=client) for key in keys})


@dataclass(slots=True)
class ListOperation:
    """A listing: a read of each key that it could have shown."""

    reads: Mapping[str, ClientOperation]

    def ok(self, shown: Mapping[str, Value]) -> None:
        """`shown`: the keys of the listing with their values."""
        assert shown.keys() <= self.reads.keys(), "the listing shows an unexpected key"
        for key, read in self.reads.items():
            read.ok(shown.get(key))

    def failed(self) -> None:
        """Record that there was no answer."""
        for read in self.reads.values():
            read.failed()


@dataclass(frozen=True, slots=True)
class HistoryViolation:
    """A key whose answers cannot be explained: the longest order found, and what does not fit after it."""

    key: str
    explained: tuple[ClientOperation, ...]
    stuck: tuple[ClientOperation, ...]

    def __str__(self) -> str:
        lines = [f"{self.key}: not linearizable. The longest order that explains the answers:"]
        lines += [f"    {operation}" for operation in self.explained[-20:]]
        lines += ["  after which none of these fits:"]
        lines += [f"    {operation}" for operation in self.stuck[:20]]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class HistoryVerdict:
    """The checker's result."""

    violations: tuple[HistoryViolation, ...]
    keys: int
    operations: int

    @property
    def ok(self) -> bool:
        return not self.violations

    def __str__(self) -> str:
        if self.ok:
            return f"linearizable: {self.operations} operations on {self.keys} keys"
        return "\n".join(str(violation) for violation in self.violations)


def linearizable(history: ClientHistory) -> HistoryVerdict:
    """Check each key of the history. Raises `Undecided`."""
    by_key: dict[str, list[ClientOperation]] = defaultdict(list)
    for operation in history.operations:
        if _matters(operation):
            by_key[operation.key].append(operation)
    found = [
        violation for key, operations in by_key.items() if (violation := _check(key, _pruned(operations)))
    ]
    return HistoryVerdict(tuple(found), len(by_key), sum(map(len, by_key.values())))


def _matters(operation: ClientOperation) -> bool:
    """Whether it constrains the order: no effect, and a read without an answer, do not."""
    return not (operation.outcome == "failed" or (operation.outcome == "unknown" and operation.kind == "get"))


def _pruned(operations: list[ClientOperation]) -> list[ClientOperation]:
    """Drop writes of unknown outcome that explain nothing: no read saw them, no refusal is due to them."""
    if any(operation.outcome == "refused" for operation in operations):
        return operations
    seen = {operation.seen for operation in operations} | {operation.expected for operation in operations}
    return [
        operation for operation in operations if operation.outcome != "unknown" or operation.value in seen
    ]


def _fits(operation: ClientOperation, state: Value) -> bool:
    """Whether the operation, done now, could have returned its answer. Unknown ones return none."""
    if operation.kind == "get":
        return state == operation.seen
    if operation.outcome == "unknown":
        return True
    return _holds(operation, state) == (operation.outcome == "ok")


def _holds(operation: ClientOperation, state: Value) -> bool:
    if operation.kind == "create":
        return state is None
    if operation.kind in ("match", "delete-match"):
        return state is not None and state == operation.expected
    return True


def _after(operation: ClientOperation, state: Value) -> Value:
    if operation.kind == "get" or not _holds(operation, state):
        return state
    return operation.value


def _only_looks(operation: ClientOperation) -> bool:
    return operation.kind == "get" or operation.outcome == "refused"


class _Events:
    """The calls and returns of one key in order, as a list from which operations are taken and put back.

    Event 0 is the head. `partner` of a call is its return, or 0 if the outcome is unknown.
    """

    def __init__(self, operations: list[ClientOperation]) -> None:
        order: list[tuple[int, int, bool]] = []
        for index, operation in enumerate(operations):
            order.append((operation.invoked, index, True))
            if operation.outcome != "unknown":
                assert operation.returned is not None
                order.append((operation.returned, index, False))
        order.sort()
        count = len(order)
        self.operation = [-1, *(index for _, index, _ in order)]
        self.is_call = [False, *(is_call for _, _, is_call in order)]
        self.next = [*range(1, count + 1), 0]
        self.previous = [count, *range(count)]
        returns = {index: place for place, (_, index, is_call) in enumerate(order, 1) if not is_call}
        self.partner = [returns.get(index, 0) for index in self.operation]

    def take(self, call: int) -> None:
        self._unlink(call)
        if self.partner[call]:
            self._unlink(self.partner[call])

    def put_back(self, call: int) -> None:
        if self.partner[call]:
            self._relink(self.partner[call])
        self._relink(call)

    def _unlink(self, place: int) -> None:
        before, after = self.previous[place], self.next[place]
        self.next[before], self.previous[after] = after, before

    def _relink(self, place: int) -> None:
        self.next[self.previous[place]] = self.previous[self.next[place]] = place


def _check(key: str, operations: list[ClientOperation]) -> HistoryViolation | None:
    """Search for an order: whatever has begun before the first of the remaining returns may come next.

    An operation that only reads (a get, a refusal) and fits is placed at once, and never moved: any order in
    which it comes later is as good with it here.
    """
    events = _Events(operations)
    left = sum(operation.outcome != "unknown" for operation in operations)
    state: Value = None
    done = 0
    tried: set[tuple[int, Value]] = set()
    path: list[tuple[int, Value]] = []
    best: list[int] = []
    place = events.next[0]
    while left:
        if place and events.is_call[place]:
            index = events.operation[place]
            operation = operations[index]
            pair = (done | 1 << index, _after(operation, state))
            if not _fits(operation, state) or pair in tried:
                place = events.next[place]
                continue
            tried.add(pair)
            path.append((place, state))
            done, state = pair
            left -= operation.outcome != "unknown"
            events.take(place)
            place = events.next[0]
            continue
        if len(path) > len(best):
            best = [events.operation[call] for call, _ in path]
        if len(tried) > states_max:
            raise Undecided(f"{key}: {len(operations)} operations")
        only_looks = True
        while only_looks:
            if not path:
                return _violation(key, operations, best)
            place, state = path.pop()
            index = events.operation[place]
            done &= ~(1 << index)
            left += operations[index].outcome != "unknown"
            events.put_back(place)
            only_looks = _only_looks(operations[index])
        place = events.next[place]
    return None


def _violation(key: str, operations: list[ClientOperation], best: list[int]) -> HistoryViolation:
    """`stuck`: what had begun before the first of the remaining operations ended."""
    placed = set(best)
    rest = [operation for index, operation in enumerate(operations) if index not in placed]
    ends = [operation.returned for operation in rest if operation.outcome != "unknown" and operation.returned]
    first_end = min(ends)
    stuck = tuple(operation for operation in rest if operation.invoked < first_end)
    return HistoryViolation(key, tuple(operations[index] for index in best), stuck)
