"""The catalog against a model of it that is too simple to be wrong, under random records."""

import os
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import GENESIS, HASH, PLACES, extent, fresh_id, in_extents, incarnation, inline
from model import Model, ModelObject

from outlast.base.errors import StoreError
from outlast.base.limits import MIB
from outlast.catalog import records as r
from outlast.catalog.content import Content, Inline
from outlast.catalog.state import State
from outlast.catalog.wire import encode

BUCKETS = ("alpha", "beta", "no-such-bucket")
KEYS = ("a", "a/", "a/b", "a/b/c", "a/é/x", "a0", "b\0c", "ÿ", "\U0001f600/z", "\uffff")
PREFIXES = ("", "a", "a/", "a/b", "b", "zz", "\U0001f600")
DELIMITERS = ("", "/", "b", "/b", "\0")
NAMES = (*PLACES, "four", "nobody")
INCARNATIONS = tuple(incarnation(name, number) for name in NAMES for number in (1, 2, 3))
SECONDS = (0, 1, 60, 3600)

checked_batches, checked_share = 20, 0.2


class Wishes:
    """Records drawn by chance, most of them sensible: they name what the model has."""

    def __init__(self, random: Random, model: Model) -> None:
        self.random = random
        self.model = model
        self.ids = [fresh_id()]
        self.at = 1_000

    def record(self) -> r.AnyRecord:
        self.at += self.random.randrange(-5, 20)
        common = [self.put] * 6 + [self.part] * 4 + [self.copy, self.upload, self.complete, self.delete] * 2
        rare = [self.bucket, self.copy_part, self.abort, self.delete_many, self.upkeep, self.store]
        return self.random.choice(common + rare)()

    def where(self) -> tuple[str, str]:
        if self.model.objects and self.random.random() < 0.5:
            return self.random.choice(list(self.model.objects))
        return self.random.choice(BUCKETS), self.random.choice(KEYS)

    def there(self) -> tuple[str, str, ModelObject | None]:
        bucket, key = self.where()
        return bucket, key, self.model.objects.get((bucket, key))

    def body(self) -> r.Body:
        kind = self.random.randrange(4)
        if kind == 0:
            return inline(self.random.randbytes(self.random.choice([0, 1, 300])))
        sizes = [self.random.choice([1, 3 * MIB, 6 * MIB, 16 * MIB]) for _ in range(kind)]
        body = in_extents(*map(self.extent, sizes))
        return msgspec.structs.replace(body, begun=self.model.slot - self.random.randrange(6))

    def extent(self, size: int) -> r.Extent:
        """Mostly written under the incarnations that the providers have now."""
        places = self.random.sample(NAMES, 3) if self.random.random() < 0.2 else PLACES
        there = extent(size, self.random.choice([0, 0, 0, 4]), places)
        present = self.model.incarnations()
        known = tuple(
            present.get(name, b"?") if self.random.random() < 0.9 else self.random.choice(INCARNATIONS)
            for name in places
        )
        return msgspec.structs.replace(there, incarnations=known)

    def checksum(self) -> r.Checksum | None:
        return self.random.choice(
            [None, r.Checksum("CRC32C", "AAAAAA=="), r.Checksum("SHA1", "x", "COMPOSITE")]
        )

    def condition(self, key: tuple[str, str]) -> r.Condition | None:
        there = self.model.objects.get(key)
        etags = ["*", "wrong", *([there.version.etag] if there else [])]
        match = r.Condition("match", self.random.choice(etags))
        return self.random.choice([None, None, r.Condition("absent"), match])

    def bucket(self) -> r.AnyRecord:
        name = self.random.choice(BUCKETS[:2])
        wishes: list[r.AnyRecord] = [
            r.BucketCreated(name, self.at),
            r.BucketDeleted(name, self.random.random() < 0.5),
        ]
        return self.random.choice(wishes)

    def put(self) -> r.AnyRecord:
        key, body = self.where(), self.body()
        version = r.Version(fresh_id(), body.md5.hex(), body.size, self.at, r.Attributes(), self.checksum())
        return r.ObjectPut(*key, version, body, self.condition(key))

    def copy(self) -> r.AnyRecord:
        bucket, key, there = self.there()
        target = self.where()
        attributes = self.random.choice([None, r.Attributes({"content-type": "x/y"})])
        source = there.version.id if there else fresh_id()
        condition = self.condition(target)
        return r.ObjectCopied(bucket, key, source, *target, fresh_id(), self.at, attributes, condition)

    def delete(self) -> r.AnyRecord:
        key = self.where()
        return r.ObjectDeleted(*key, self.condition(key), self.at)

    def delete_many(self) -> r.AnyRecord:
        keys = self.random.choices(KEYS, k=self.random.randrange(4))
        return r.ObjectsDeleted(self.random.choice(BUCKETS), tuple(keys), self.at)

    def upload(self) -> r.AnyRecord:
        bucket, key = self.random.choice(BUCKETS), self.random.choice(KEYS)
        return r.UploadCreated(bucket, key, fresh_id(), self.at, r.Attributes({}, {"a": "b"}), "CRC32")

    def under_way(self) -> tuple[str, str, bytes]:
        if self.model.uploads and self.random.random() < 0.9:
            return self.random.choice(list(self.model.uploads))
        return self.random.choice(BUCKETS), self.random.choice(KEYS), self.random.choice(self.ids)

    def part(self) -> r.AnyRecord:
        number, body = self.random.randrange(1, 5), self.body()
        return r.PartPut(*self.under_way(), number, self.at, body, self.checksum())

    def copy_part(self) -> r.AnyRecord:
        bucket, key, there = self.there()
        size, source = (there.version.size, there.version.id) if there else (10, fresh_id())
        start = self.random.randrange(size + 1)
        length = self.random.choice([size - start, self.random.randrange(size + 2)])
        number = self.random.randrange(1, 5)
        return r.PartCopied(
            *self.under_way(), number, self.at, bucket, key, source, start, length, self.random.randbytes(16)
        )

    def complete(self) -> r.AnyRecord:
        bucket, key, upload = self.under_way()
        self.ids.append(upload)
        there = self.model.uploads.get((bucket, key, upload))
        parts = [(part.number, part.etag) for part, _ in there.parts.values()] if there else [(1, "x")]
        parts = sorted(parts) if self.random.random() < 0.9 else parts[::-1]
        if self.random.random() < 0.2:
            parts = parts[1:] or [(1, "wrong")]
        version = self.random.choice([upload, fresh_id()])
        checksum, condition = self.checksum(), self.condition((bucket, key))
        return r.UploadCompleted(bucket, key, upload, version, self.at, tuple(parts), checksum, condition)

    def abort(self) -> r.AnyRecord:
        return r.UploadAborted(*self.under_way(), self.at)

    def chosen_beside(self, id: bytes) -> tuple[str, ...]:
        """Where the fragments are, or where they once were."""
        extent = self.model.extents.get(id)
        if extent is None or self.random.random() < 0.3:
            return tuple(self.random.choices(PLACES, k=3))
        return extent.places

    def upkeep(self) -> r.AnyRecord:
        ids = [*self.model.extents, fresh_id()]
        id = self.random.choice(ids)
        wishes: list[r.AnyRecord] = [
            r.FragmentsLost(id, self.fragments(id)),
            r.FragmentsRestored(id, self.fragments(id), self.chosen_beside(id)),
            r.ExtentsCollected((*list(self.model.died)[:2], id)),
            r.MendClaimed(fresh_id(), (id,)),
            r.GracePassed(self.random.randrange(self.model.slot + 1), self.random.choice(SECONDS)),
            r.ReadingHeld(self.random.choice(INCARNATIONS), self.random.randrange(self.model.slot + 1)),
            r.ProviderReattached(self.random.choice(PLACES), self.random.choice(INCARNATIONS)),
        ]
        if self.random.random() < 0.1:
            wishes = [r.WritesExpired(self.model.slot - self.random.randrange(8))]
        return self.random.choice(wishes)

    def fragments(self, id: bytes) -> tuple[r.Fragment, ...]:
        """Some as the extent has them, some that are somewhere else, some that cannot be."""
        there = self.model.extents.get(id)
        some = [
            r.Fragment(
                self.random.randrange(-1, 5), self.random.choice(NAMES), self.random.choice(INCARNATIONS)
            )
            for _ in range(self.random.randrange(3))
        ]
        if there:
            indices = self.random.choices(range(len(there.places)), k=self.random.randrange(3))
            some += [there.fragment(index) for index in indices]
            present = self.model.incarnations()
            names = [name for name in NAMES if name in present]
            some += [
                r.Fragment(index, name, present[name])
                for index in indices[:1]
                for name in self.random.choices(names, k=1)
            ]
        self.random.shuffle(some)
        return tuple(some)

    def store(self) -> r.AnyRecord:
        name = self.random.choice(["x", "y"])
        wishes: list[r.AnyRecord] = [
            GENESIS,
            r.DrillSet(name, self.random.choice(["", "hang"]), self.at),
            r.DrillReported(name, ("one",), self.at, self.at + 1, True, b"{}"),
            r.AccessKeyCreated(name, self.random.choice(["1", "2"]), b"sealed", "", False, self.at),
            r.AccessKeyDeleted(name),
        ]
        return self.random.choice(wishes)


def same_outcome(real: object, wished: object) -> bool:
    if isinstance(wished, StoreError):
        return type(real) is type(wished)
    return type(real) is type(wished) and real == wished


def as_pieces(content: Content) -> tuple[object, ...]:
    return tuple(
        piece.data if isinstance(piece, Inline) else (piece.extent.id, piece.start, piece.length)
        for piece in content
    )


def check_objects(state: State, model: Model) -> None:
    for bucket in model.buckets:
        for key in KEYS:
            found, there = state.find(bucket, key), model.objects.get((bucket, key))
            assert (found is None) == (there is None)
            if found is None or there is None:
                continue
            assert found.version == there.version == state.version(bucket, key)
            assert as_pieces(found.content) == there.pieces
            for piece in found.content:
                if not isinstance(piece, Inline):
                    assert piece.extent == model.shown(piece.extent.id)
            assert state.find(bucket, key, there.version.id) == found
            assert state.find(bucket, key, b"another version") is None


def check_lists(state: State, model: Model, random: Random) -> None:
    for bucket in model.buckets:
        keys = [key for name, key in model.objects if name == bucket]
        for _ in range(6):
            prefix, delimiter = random.choice(PREFIXES), random.choice(DELIMITERS)
            start_after = random.choice(["", *KEYS, *PREFIXES])
            limit = random.choice([0, 1, 2, 3, 1000])
            listing = state.list_objects(bucket, prefix, delimiter, start_after, limit)
            wished = model.listing(keys, prefix, delimiter, start_after, limit)
            shown = [entry.key for entry in listing.entries]
            assert (shown, listing.prefixes, listing.next) == wished
            for entry in listing.entries:
                version = model.objects[bucket, entry.key].version
                sum = version.checksum
                kind = (sum.algorithm, sum.kind) if sum else ("", "")
                assert entry == (entry.key, version.etag, version.size, version.modified, *kind)


def check_uploads(state: State, model: Model) -> None:
    for bucket in model.buckets:
        there = {key[1:]: upload for key, upload in model.uploads.items() if key[0] == bucket}
        ordered = sorted(there, key=lambda key: (key[0].encode(), key[1]))
        assert state.uploads(bucket).entries == [there[key].upload for key in ordered]
    for (bucket, key, id), upload in model.uploads.items():
        assert state.upload(bucket, key, id) == upload.upload
        assert state.parts(id) == [upload.parts[number][0] for number in sorted(upload.parts)]


def check_rest(state: State, model: Model) -> None:
    alive = model.alive()
    degraded = [extent for extent in alive if extent.missing]
    assert state.extents() == alive
    assert state.degraded_extents() == degraded
    dead = {entry.extent.id: (entry.extent, entry.died) for entry in state.dead_extents()}
    assert dead == {id: (model.shown(id), died) for id, died in model.died.items()}
    assert [(bucket.name, bucket.created) for bucket in state.buckets()] == sorted(model.buckets.items())
    sizes = [there.version.size for there in model.objects.values()]
    assert state.counts() == (
        len(model.buckets), len(sizes), sum(sizes), len(model.uploads), len(alive), len(degraded), len(dead)
    )  # fmt: skip
    assert state.access_keys() == [model.access_keys[name] for name in sorted(model.access_keys)]
    assert state.drills() == tuple(model.drills[name] for name in sorted(model.drills))
    assert state.drill_reports() == tuple(model.drill_reports)
    assert state.genesis == model.genesis
    assert state.incarnations() == model.incarnations()
    slots = range(-1, model.slot + 1)
    assert [state.collectable_by(slot) for slot in slots] == [model.collectable_by(slot) for slot in slots]
    assert [state.grace_passed(seconds) for seconds in SECONDS] == [model.grace(s) for s in SECONDS]


def check_placements(state: State, model: Model) -> None:
    alike, wholes, dead = state.placements()
    assert (alike, tuple(sorted(wholes)), dead) == model.placements()
    assert [state.stored(name) for name in NAMES] == [model.stored(name) for name in NAMES]


def check_all(state: State, model: Model, random: Random) -> None:
    check_objects(state, model)
    check_lists(state, model, random)
    check_uploads(state, model)
    check_rest(state, model)
    if random.random() < 0.2:  # slow in the model
        check_placements(state, model)


def run(state: State, random: Random, batches: int) -> list[list[bytes]]:
    """Apply random batches to the state and to a model, and compare; the log.

    Each outcome is compared. All that can be read is, after each of the first batches, then now and then, and
    in the end: it grows with the history, and would take four fifths of the time.
    """
    model = Model()
    wishes = Wishes(random, model)
    log: list[list[bytes]] = []
    first: list[r.AnyRecord] = [GENESIS, *(r.BucketCreated(name, 1) for name in BUCKETS[:2])]
    for slot in range(batches):
        model.slot = slot
        records, wished = first if slot == 0 else [], []
        for record in records:
            wished.append(model.apply(record))
        for _ in range(random.randrange(12)):
            records.append(wishes.record())
            wished.append(model.apply(records[-1]))
        log.append([encode(record) for record in records])
        outcomes = state.apply(slot, HASH, log[-1])
        for record, real, wish in zip(records, outcomes, wished, strict=True):
            assert same_outcome(real, wish), (record, real, wish)
        if slot < checked_batches or slot == batches - 1 or random.random() < checked_share:
            check_all(state, model, random)
    return log


def replayed(log: list[list[bytes]], path: Path | str = ":memory:") -> State:
    state = State(path)
    for slot, records in enumerate(log):
        state.apply(slot, HASH, records)
    return state


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_the_catalog_does_what_a_naive_model_does(random: Random, batches: int) -> None:
    run(State(":memory:"), random, batches)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000 if os.environ.get("OUTLAST_TEST_MANY") else 100))
def test_the_catalog_does_what_a_naive_model_does_for_long(seed: int) -> None:
    run(State(":memory:"), Random(seed), 100)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers())
def test_a_catalog_rebuilt_from_the_log_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    path = tmp_path_factory.mktemp("catalog") / "state.db"
    state = State(path)
    log = run(state, Random(seed), 15)
    assert replayed(log).fingerprint() == state.fingerprint()
    state.close()
    again = State(path)
    assert again.position == (len(log) - 1, HASH)
    assert again.fingerprint() == replayed(log).fingerprint()
    again.close()


def test_catalogs_that_differ_have_different_fingerprints() -> None:
    log = run(State(":memory:"), Random(1), 5)
    other = [*log[:-1], [*log[-1], encode(r.BucketCreated("one-more", 1))]]
    assert replayed(log).fingerprint() != replayed(other).fingerprint()


def test_a_catalog_that_stopped_anywhere_goes_on_from_there(tmp_path: Path) -> None:
    log = run(State(":memory:"), Random(2), 20)
    for stop in range(0, len(log), 3):
        path = tmp_path / f"{stop}.db"
        replayed(log[:stop], path).close()
        state = State(path)
        for slot in range(state.position.slot + 1, len(log)):
            state.apply(slot, HASH, log[slot])
        assert state.fingerprint() == replayed(log).fingerprint()
        state.close()
