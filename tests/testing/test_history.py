"""The checker finds what is wrong, and nothing else."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.testing import history as checker
from outlast.testing.history import ClientHistory, ClientOperation, Undecided, linearizable

K = "bucket/key"


def put(history: ClientHistory, value: str) -> None:
    history.begin(K, "put", value).ok()


def get(history: ClientHistory, seen: str | None) -> None:
    history.begin(K, "get").ok(seen)


# ---------------------------------------------------------------- planted violations


def test_a_stale_read_is_caught() -> None:
    history = ClientHistory()
    put(history, "old")
    put(history, "new")
    get(history, "old")
    verdict = linearizable(history)
    assert not verdict.ok
    assert "get -> 'old'" in str(verdict)


def test_a_lost_write_is_caught() -> None:
    history = ClientHistory()
    put(history, "acknowledged")
    get(history, None)
    assert not linearizable(history).ok


def test_two_winners_of_a_race_are_caught() -> None:
    history = ClientHistory()
    racers = [history.begin(K, "create", f"v{i}") for i in range(32)]
    for i, racer in enumerate(racers):
        racer.ok() if i in (3, 17) else racer.refused()
    assert not linearizable(history).ok


def test_a_race_without_a_winner_is_caught() -> None:
    history = ClientHistory()
    for racer in [history.begin(K, "create", f"v{i}") for i in range(4)]:
        racer.refused()
    assert not linearizable(history).ok


def test_two_winners_of_the_same_etag_are_caught() -> None:
    history = ClientHistory()
    put(history, "base")
    racers = [history.begin(K, "match", f"v{i}", expected="base") for i in range(2)]
    for racer in racers:
        racer.ok()
    assert not linearizable(history).ok


def test_a_value_that_nobody_wrote_is_caught() -> None:
    history = ClientHistory()
    put(history, "a")
    get(history, "b")
    assert not linearizable(history).ok


def test_a_deleted_object_that_comes_back_is_caught() -> None:
    history = ClientHistory()
    put(history, "a")
    history.begin(K, "delete").ok()
    get(history, None)
    get(history, "a")
    assert not linearizable(history).ok


def test_two_readers_who_see_two_writes_in_different_orders_are_caught() -> None:
    history = ClientHistory()
    writers = [history.begin(K, "put", "a"), history.begin(K, "put", "b")]
    get(history, "a")
    get(history, "b")
    get(history, "a")
    for writer in writers:
        writer.ok()
    assert not linearizable(history).ok


def test_an_unknown_write_that_takes_effect_twice_is_caught() -> None:
    history = ClientHistory()
    history.begin(K, "put", "ghost").unknown()
    get(history, "ghost")
    put(history, "b")
    get(history, "ghost")
    assert not linearizable(history).ok


def test_a_refused_write_that_took_effect_is_caught() -> None:
    history = ClientHistory()
    put(history, "a")
    history.begin(K, "match", "b", expected="other").refused()
    get(history, "b")
    assert not linearizable(history).ok


def test_a_key_missing_from_a_listing_after_its_write_is_caught() -> None:
    history = ClientHistory()
    put(history, "a")
    history.begin_list([K, "bucket/other"]).ok({})
    assert not linearizable(history).ok


def test_a_deleted_key_in_a_listing_is_caught() -> None:
    history = ClientHistory()
    put(history, "a")
    history.begin(K, "delete").ok()
    history.begin_list([K]).ok({K: "a"})
    assert not linearizable(history).ok


# ---------------------------------------------------------------- what is right


def test_concurrent_reads_may_see_the_old_or_the_new() -> None:
    for first, second in [("old", "old"), ("old", "new"), ("new", "new")]:
        history = ClientHistory()
        put(history, "old")
        write = history.begin(K, "put", "new")
        get(history, first)
        get(history, second)
        write.ok()
        get(history, "new")
        assert linearizable(history).ok


def test_one_winner_of_a_race_is_right() -> None:
    history = ClientHistory()
    racers = [history.begin(K, "create", f"v{i}") for i in range(32)]
    for i, racer in enumerate(racers):
        racer.ok() if i == 17 else racer.refused()
    get(history, "v17")
    assert linearizable(history).ok


def test_an_unknown_write_may_take_effect_late_or_never() -> None:
    for later in (["a", "ghost", "ghost"], ["a", "a"], ["ghost"]):
        history = ClientHistory()
        put(history, "a")
        history.begin(K, "put", "ghost").unknown()
        for seen in later:
            get(history, seen)
        assert linearizable(history).ok


def test_an_unknown_write_explains_a_refusal() -> None:
    history = ClientHistory()
    history.begin(K, "put", "ghost").unknown()
    history.begin(K, "create", "b").refused()
    get(history, "ghost")
    assert linearizable(history).ok


def test_an_operation_that_never_ended_counts_as_unknown() -> None:
    history = ClientHistory()
    history.begin(K, "put", "a")
    get(history, "a")
    assert linearizable(history).ok


def test_a_conditional_delete_is_judged() -> None:
    history = ClientHistory()
    put(history, "a")
    history.begin(K, "delete-match", expected="b").refused()
    history.begin(K, "delete-match", expected="a").ok()
    get(history, None)
    assert linearizable(history).ok


def test_keys_are_independent_and_only_the_broken_one_is_named() -> None:
    history = ClientHistory()
    history.begin("b/1", "put", "a").ok()
    history.begin("b/2", "put", "a").ok()
    history.begin("b/2", "get").ok(None)
    assert [violation.key for violation in linearizable(history).violations] == ["b/2"]


def test_a_long_history_with_many_clients_is_checked_fast() -> None:
    history = ClientHistory()
    value = None
    for i in range(400):
        open_reads = [history.begin(K, "get") for _ in range(4)]
        write = history.begin(K, "put", f"v{i}")
        if i % 7 == 0:
            history.begin(K, "put", f"ghost{i}").unknown()
        for read in open_reads[:2]:
            read.ok(value)
        value = f"v{i}"
        for read in open_reads[2:]:
            read.ok(value)
        write.ok()
    assert linearizable(history).ok


def test_a_search_that_takes_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "states_max", 10)
    history = ClientHistory()
    racers = [history.begin(K, "put", f"v{i}") for i in range(8)]
    for racer in racers:
        racer.ok()
    get(history, "nobody")
    with pytest.raises(Undecided):
        linearizable(history)


# ---------------------------------------------------------------- against a slow, obvious oracle


def explained_by_some_order(operations: list[ClientOperation]) -> bool:
    """Try every order of every subset that leaves out only operations of unknown outcome."""
    unknown = [operation for operation in operations if operation.outcome == "unknown"]
    known = [operation for operation in operations if operation.outcome != "unknown"]
    for count in range(len(unknown) + 1):
        for chosen in itertools.combinations(unknown, count):
            if any(map(is_explanation, itertools.permutations([*known, *chosen]))):
                return True
    return False


def is_explanation(order: tuple[ClientOperation, ...]) -> bool:
    latest_begin = 0
    state: object = None
    for operation in order:
        end = None if operation.outcome == "unknown" else operation.returned
        if end is not None and end < latest_begin:
            return False
        latest_begin = max(latest_begin, operation.invoked)
        holds = {
            "put": True,
            "delete": True,
            "get": True,
            "create": state is None,
            "match": state is not None and state == operation.expected,
            "delete-match": state is not None and state == operation.expected,
        }[operation.kind]
        if operation.kind == "get" and operation.seen != state:
            return False
        if operation.outcome == ("refused" if holds else "ok"):
            return False
        if holds and operation.kind != "get":
            state = operation.value
    return True


VALUES = st.sampled_from(["a", "b"])
CHOICE = st.tuples(
    st.sampled_from(["put", "create", "match", "delete", "delete-match", "get", "get"]),
    VALUES,
    st.sampled_from([None, "a", "b"]),
    st.sampled_from(["ok", "ok", "refused", "unknown"]),
    st.integers(0, 3),
)


@given(st.lists(CHOICE, max_size=5))
def test_the_checker_agrees_with_trying_every_order(
    choices: list[tuple[str, str, str | None, str, int]],
) -> None:
    history = ClientHistory()
    open_operations: list[tuple[int, Callable[[], None]]] = []
    for kind, value, other, outcome, wait in choices:
        operation = history.begin(K, kind, value if kind in ("put", "create", "match") else None, other)  # type: ignore[arg-type]
        if kind == "get":
            end = (lambda o=operation, s=other: o.ok(s)) if outcome == "ok" else operation.failed
        elif outcome == "refused" and kind in ("create", "match", "delete-match"):
            end = operation.refused
        else:
            end = operation.unknown if outcome == "unknown" else operation.ok
        open_operations.append((wait, end))
        for _, due in [entry for entry in open_operations if entry[0] <= 0]:
            due()
        open_operations = [(wait - 1, end) for wait, end in open_operations if wait > 0]
    for _, end in open_operations:
        end()
    relevant = [operation for operation in history.operations if operation.outcome != "failed"]
    assert linearizable(history).ok == explained_by_some_order(relevant)
