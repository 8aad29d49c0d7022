"""A damaged file: whatever happened to it, each read answers right or says that the file is damaged."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from making import (
    GENESIS,
    HASH,
    apply,
    extent,
    fragments,
    in_extents,
    incarnation,
    inline,
    part_put,
    put,
    upload_created,
)

from outlast.base.errors import LocalStateCorrupt, StoreUnavailable
from outlast.base.limits import KIB
from outlast.catalog import records as r
from outlast.catalog.content import Piece
from outlast.catalog.database_file import check_database, copy_database
from outlast.catalog.state import State
from outlast.catalog.wire import encode

PAGE = 16384
KEYS = 40
SIZES = (0, 30, 3000, 20_000, 128 * KIB)  # with the larger ones, contents go on in pages of their own
SLOTS = 50
UPLOADS = [upload_created(f"upload {n}") for n in range(3)]


def batches() -> list[list[r.AnyRecord]]:
    random = Random(7)
    first: list[r.AnyRecord] = [
        GENESIS,
        r.BucketCreated("bucket", 1),
        *UPLOADS,
        r.AccessKeyCreated("name", "id", b"sealed", "", False, 9),
        r.DrillSet("one", "hang", 10, (r.DrillFault("hang"),)),
    ]
    log = [first]
    written: list[r.Extent] = []
    for slot in range(1, SLOTS):
        batch: list[r.AnyRecord] = []
        for _ in range(4):
            if random.random() < 0.3:
                written.append(extent())
                batch.append(put(f"key {random.randrange(KEYS)}", in_extents(written[-1])))
            else:
                batch.append(put(f"key {random.randrange(KEYS)}", random.randbytes(random.choice(SIZES))))
        if slot % 5 == 1:
            body = inline(random.randbytes(100_000))
            batch.append(part_put(UPLOADS[slot % 3], slot, body))
            batch.append(r.DrillReported("one", ("one",), slot, slot, True, random.randbytes(60_000)))
        if slot % 7 == 3 and written:
            batch.append(r.FragmentsLost(written[-1].id, fragments(written[-1], 1)))
        if slot == 30:
            batch.append(r.ProviderReattached("two", incarnation("two", 2)))
        log.append(batch)
    return log


def whole(state: State, key: str) -> tuple[object, ...] | None:
    """The version of the key, with all its extents."""
    found = state.find("bucket", key)
    return None if found is None else (found.version, found.offset, found.content)


LOG = [[encode(record) for record in batch] for batch in batches()]

READS: dict[str, Callable[[State], object]] = {
    "genesis": lambda state: state.genesis,
    "buckets": lambda state: (state.buckets(), state.bucket("bucket")),
    "list": lambda state: [state.list_objects("bucket", limit=limit) for limit in (3, 1000)],
    "uploads": lambda state: state.uploads("bucket"),
    "access keys": lambda state: (state.access_keys(), state.access_key("id")),
    "extents": lambda state: (state.extents(), state.degraded_extents(), state.dead_extents()),
    "counts": lambda state: (state.counts(), state.stored("two")),
    "placements": lambda state: state.placements().alike,
    "wholes": lambda state: sorted(state.placements().wholes),
    "drills": lambda state: (state.drills(), state.drill_reports()),
    **{f"parts {n}": lambda state, n=n: state.parts(UPLOADS[n].upload) for n in range(3)},  # type: ignore[misc]
    **{f"find {n}": lambda state, n=n: whole(state, f"key {n}") for n in range(KEYS)},  # type: ignore[misc]
    **{f"head {n}": lambda state, n=n: state.version("bucket", f"key {n}") for n in range(KEYS)},  # type: ignore[misc]
}


@cache
def right(slot: int) -> dict[str, object]:
    """What each read answers after that slot; at -1 there is no bucket to ask for."""
    state = State(":memory:")
    for number in range(slot + 1):
        state.apply(number, HASH, LOG[number])
    return {name: read(state) for name, read in READS.items()}


class Files(NamedTuple):
    """A catalog's file and its write-ahead log, as bytes."""

    main: bytes
    log: bytes


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    """As a process leaves them that ends in order, or is killed at some slot."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.db"
    wal = path.with_name("catalog.db-wal")
    state, found = State(path), {}
    for slot, batch in enumerate(LOG):
        state.apply(slot, HASH, batch)
        if slot >= SLOTS - 20:
            found[f"killed at {slot}"] = Files(path.read_bytes(), wal.read_bytes())
    state.close()
    return {"closed": Files(path.read_bytes(), b""), **found}


def left(path: Path, files: Files) -> Path:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(files.main)
    if files.log:
        path.with_name(path.name + "-wal").write_bytes(files.log)
    return path


def check(path: Path) -> str:
    """Read everything; what became of it. Fails for a wrong answer and for any other error."""
    try:
        state = State(path)
    except LocalStateCorrupt:
        return "refused"
    refused = 0
    for name, read in READS.items() if state.position.slot >= 0 else ():
        try:
            answer = read(state)
        except LocalStateCorrupt:
            refused += 1
        else:
            assert answer == right(state.position.slot)[name], name
    slot = state.position.slot
    state.close()
    assert path.exists() == (refused == 0), "what is known to be damaged is not left for the next one"
    return f"{refused} reads refused" if refused else f"right at {slot}"


def flipped(data: bytes, at: int, random: Random) -> bytes:
    return data[:at] + bytes([data[at] ^ random.choice([1, 128, 255])]) + data[at + 1 :]


def overwritten(data: bytes, random: Random) -> bytes:
    """Zeros or garbage: a page, a sector, or anything."""
    size = random.choice([1, 512, 4096, PAGE, 2 * PAGE])
    at = random.randrange(len(data))
    at -= at % random.choice([1, size])
    new = random.choice([bytes(size), random.randbytes(size)])
    return data[:at] + new[: len(data) - at] + data[at + size :]


def truncated(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[: at - at % random.choice([1, 512, PAGE])]


def harmed(data: bytes, random: Random) -> bytes:
    kind = random.choice([overwritten, truncated, None, None])
    return kind(data, random) if kind else flipped(data, random.randrange(len(data)), random)


@pytest.mark.parametrize("how", ["closed", "killed at 31", "killed at 49"])
def test_an_undamaged_file_answers_everything(files: dict[str, Files], how: str, tmp_path: Path) -> None:
    slot = 49 if how == "closed" else int(how.split()[-1])
    assert check(left(tmp_path / "catalog.db", files[how])) == f"right at {slot}"


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 25))]
)
def test_a_damaged_file_answers_right_or_raises(files: dict[str, Files], seed: int, tmp_path: Path) -> None:
    random, outcomes = Random(seed), []
    for _ in range(10):
        main, _ = files["closed"]
        outcomes.append(check(left(tmp_path / "catalog.db", Files(harmed(main, random), b""))))
    assert any("refused" in outcome for outcome in outcomes)


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 25))]
)
def test_a_damaged_write_ahead_log_leads_to_an_earlier_slot_or_raises(
    files: dict[str, Files], seed: int, tmp_path: Path
) -> None:
    random = Random(seed)
    killed = [name for name in files if name != "closed" and files[name].log]
    for _ in range(10):
        main, log = files[random.choice(killed)]
        if random.random() < 0.2:
            main = harmed(main, random)
        check(left(tmp_path / "catalog.db", Files(main, harmed(log, random))))


def test_a_damaged_log_of_which_the_file_is_ahead_is_refused(files: dict[str, Files], tmp_path: Path) -> None:
    """A checkpoint has copied it into the file, and what is left of it would overlay newer pages."""
    outcomes = []
    for name in files:
        main, log = files[name]
        if log:
            cut = len(log) // 2
            outcomes.append(check(left(tmp_path / "catalog.db", Files(main, flipped(log, cut, Random(1))))))
    assert "refused" in outcomes
    assert any("right" in outcome for outcome in outcomes)


@pytest.mark.slow
def test_each_byte_of_the_header_matters(files: dict[str, Files], tmp_path: Path) -> None:
    main, _ = files["closed"]
    for at in range(100):
        for bit in (1, 8, 128):
            data = main[:at] + bytes([main[at] ^ bit]) + main[at + 1 :]
            assert check(left(tmp_path / "catalog.db", Files(data, b""))) == "refused", (at, bit)


def test_a_page_of_zeros_in_the_middle_of_a_body_is_noticed(files: dict[str, Files], tmp_path: Path) -> None:
    """Its checksum is right: that of zeros is zero."""
    main, _ = files["closed"]
    refused = 0
    for start in range(PAGE, len(main), 5 * PAGE):
        zeroed = main[:start] + bytes(PAGE) + main[start + PAGE :]
        refused += "refused" in check(left(tmp_path / "catalog.db", Files(zeroed, b"")))
    assert refused


def test_a_file_without_checksums_is_refused_although_it_can_be_read(
    files: dict[str, Files], tmp_path: Path
) -> None:
    """Byte 20 says how much of each page is not SQLite's; at 0 the checksum VFS looks at nothing."""
    main, _ = files["closed"]
    assert main[20] == 8
    assert check(left(tmp_path / "catalog.db", Files(main[:20] + b"\0" + main[21:], b""))) == "refused"


def test_a_damaged_catalog_is_not_copied_and_is_found_when_all_of_it_is_read(
    files: dict[str, Files], tmp_path: Path
) -> None:
    main, _ = files["closed"]
    path, random = tmp_path / "catalog.db", Random(2)  # with 1 a free page is damaged, which nobody reads
    check_database(left(path, files["closed"]))
    copy_database(path, tmp_path / "copy.db")
    for n in range(20):
        left(path, Files(flipped(main, random.randrange(len(main)), random), b""))
        for look in (check_database, lambda path, n=n: copy_database(path, tmp_path / f"copy{n}.db")):  # type: ignore[misc]
            with pytest.raises(LocalStateCorrupt):
                look(path)


def test_damage_that_happens_while_the_catalog_is_in_use_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    state = State(path)
    bodies = {f"key {n}": Random(n).randbytes(128 * KIB) for n in range(400)}  # more than SQLite caches
    apply(state, r.BucketCreated("bucket", 1))
    for key, body in bodies.items():
        apply(state, put(key, body))
    data = bytearray(path.read_bytes())
    for start in range(0, len(data), 5 * PAGE):
        data[start + 1000] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    outcomes = [_outcome(state, key, body) for key, body in bodies.items()]
    assert outcomes.count("refused") > 100
    assert set(outcomes) == {"right", "refused"}
    state.close()
    assert not path.exists()


def _outcome(state: State, key: str, body: bytes) -> str:
    try:
        found = state.find("bucket", key)
    except LocalStateCorrupt:
        return "refused"
    return "right" if found is not None and found.inline == body else "wrong"


@pytest.fixture(params=["file", "memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "catalog.db" if request.param == "file" else ":memory:")
    yield state
    state.close()


def test_another_file_takes_the_place_of_a_damaged_one_and_the_observers_stay(
    state: State, tmp_path: Path
) -> None:
    heard: list[r.AnyRecord] = []
    state.on_applied(lambda record, outcome: heard.append(record), pytest.fail)
    apply(state, r.BucketCreated("one", 1))
    apply(state, r.BucketCreated("two", 2))
    other = state.beside()
    assert (other.position.slot, other.buckets()) == (-1, [])
    apply(other, r.BucketCreated("one", 1))
    apply(other, r.BucketCreated("two", 2))
    state.replace(other)
    assert [bucket.name for bucket in state.buckets()] == ["one", "two"]
    apply(state, r.BucketCreated("three", 3))
    assert [record.name for record in heard if isinstance(record, r.BucketCreated)] == ["one", "two", "three"]
    assert [path.name for path in tmp_path.iterdir() if "new" in path.name] == []


def test_a_damaged_file_is_replaced_while_it_is_in_use(files: dict[str, Files], tmp_path: Path) -> None:
    main, _ = files["closed"]
    path = tmp_path / "catalog.db"
    for start in range(len(main) // PAGE // 2 * PAGE, len(main), PAGE):
        main = main[: start + 50] + b"\xff" + main[start + 51 :]
    state = State(left(path, Files(main, b"")))
    with pytest.raises(LocalStateCorrupt):
        state.fingerprint()
    other = state.beside()
    for slot, batch in enumerate(LOG):
        other.apply(slot, HASH, batch)
    state.replace(other)
    assert {name: read(state) for name, read in READS.items()} == right(SLOTS - 1)
    state.close()
    assert check(path) == f"right at {SLOTS - 1}"


def test_what_was_found_before_the_file_was_replaced_says_so(state: State) -> None:
    other = state.beside()
    one = extent(300_000)
    for there in (state, other):
        apply(there, GENESIS, r.BucketCreated("bucket", 1), put("key", in_extents(one)))
    found = state.find("bucket", "key")
    assert found is not None
    damage: list[object] = []
    state.on_damage = damage.append
    state.replace(other)
    with pytest.raises(StoreUnavailable):
        next(found.pieces())
    assert not damage
    assert state.find("bucket", "key").content == (Piece(one, 0, one.size),)  # type: ignore[union-attr]


def test_a_state_that_could_not_go_back_answers_nothing_any_more(tmp_path: Path) -> None:
    state = State(tmp_path / "catalog.db")
    apply(state, r.BucketCreated("bucket", 1))

    def damaged() -> None:
        raise LocalStateCorrupt("a page")

    state._sound.flush = damaged  # type: ignore[method-assign]
    state._sound.buckets.reload = damaged  # type: ignore[method-assign]
    with pytest.raises(LocalStateCorrupt):
        apply(state, r.BucketCreated("never", 1))
    assert state.position.slot == 0
    for read in (state.buckets, state.drills, lambda: state.bucket("never"), lambda: apply(state)):
        with pytest.raises(LocalStateCorrupt):
            read()
