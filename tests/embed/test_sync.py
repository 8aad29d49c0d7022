import gc
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import outlast
from outlast.base.errors import BucketExists, NoSuchKey, PreconditionFailed
from outlast.catalog.records import Attributes, Condition
from outlast.embed.sync import SyncStore, open_sync

LARGE = bytes(range(256)) * 20_000


def test_it_opens_the_store_and_closes_it(opened: list[str]) -> None:
    with open_sync("outlast.toml") as store:
        assert store.buckets() == []
    assert opened == ["open outlast.toml", "close outlast.toml"]


def test_what_fails_to_open_raises_and_leaves_no_thread(
    monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    class Refusing:
        async def __aenter__(self) -> None:
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        SyncStore(Refusing())  # type: ignore[arg-type]  # all that it needs


@pytest.mark.parametrize("content", [b"small", LARGE])
def test_bytes_files_and_pieces_are_written_and_read_back(store: SyncStore, content: bytes) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(content), 70_000):
            yield content[start : start + 70_000]

    for number, source in enumerate([content, io.BytesIO(content), pieces()]):
        version = store.put("bucket", f"key{number}", source, Attributes({"content-type": "text/plain"}))
        with store.get("bucket", f"key{number}") as reading:
            assert reading.version == version
            assert b"".join(reading) == content
        assert store.get("bucket", f"key{number}", (1, 4)).read() == content[1:4]
    assert [entry.key for entry in store.list("bucket").entries] == ["key0", "key1", "key2"]


@pytest.mark.parametrize("how", ["never read", "read in part", "in a cycle"])
def test_a_reading_that_is_dropped_gives_back_its_memory(store: SyncStore, how: str) -> None:
    store.put("bucket", "key", LARGE)
    for _ in range(20):
        reading = store.get("bucket", "key", (0, len(LARGE) - 1))
        if how == "read in part":
            next(iter(reading))
        elif how == "in a cycle":
            reading.itself = reading  # type: ignore[attr-defined]  # what a caller's own objects may do
    del reading
    gc.collect()
    memory = store._store.reader.memory
    deadline = time.monotonic() + 10
    while memory.used:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_source_that_raises_stores_nothing(store: SyncStore) -> None:
    def broken() -> Iterator[bytes]:
        yield LARGE
        raise ValueError("the disk went away")

    with pytest.raises(ValueError, match="went away"):
        store.put("bucket", "key", broken())
    with pytest.raises(NoSuchKey):
        store.head("bucket", "key")


def test_errors_are_those_of_the_store(store: SyncStore) -> None:
    with pytest.raises(BucketExists):
        store.create_bucket("bucket")
    store.put("bucket", "key", b"1")
    with pytest.raises(PreconditionFailed):
        store.put("bucket", "key", b"2", condition=Condition("absent"))


def test_parts_become_an_object(store: SyncStore) -> None:
    upload = store.create_upload("bucket", "key")
    first = bytes(5 << 20)
    parts = [
        (1, store.put_part("bucket", "key", upload, 1, first)),
        (2, store.put_part("bucket", "key", upload, 2, b"end")),
    ]
    assert store.complete_upload("bucket", "key", upload, parts).size == len(first) + 3
    assert store.get("bucket", "key").read() == first + b"end"
    store.abort_upload("bucket", "other", store.create_upload("bucket", "other"))


def test_the_rest_of_the_verbs_is_there(store: SyncStore) -> None:
    store.put("bucket", "a", b"1")
    assert store.copy("bucket", "a", "bucket", "b").size == 1
    assert store.delete("bucket", "a") is True
    assert store.delete_many("bucket", ["a", "b"]) == 1
    key = store.create_access_key("app", "bucket", read_only=True)
    assert (key.name, key.bucket, key.read_only) == ("app", "bucket", True)
    store.delete_access_key("app")
    assert store.bucket("bucket").name == "bucket"
    assert store.status().tolerate == 1
    store.delete_bucket("bucket")


def test_threads_may_share_it(store: SyncStore) -> None:
    def work(number: int) -> bytes:
        store.put("bucket", str(number), b"%d" % number)
        return store.get("bucket", str(number)).read()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(32))) == [b"%d" % number for number in range(32)]


def test_every_verb_says_what_it_does_and_raises() -> None:
    for name, verb in vars(SyncStore).items():
        if callable(verb) and not name.startswith("_"):
            assert verb.__doc__, name


def test_what_a_caller_may_meet_is_exported() -> None:
    def below(kind: type[Exception]) -> Iterator[type[Exception]]:
        yield kind
        for one in kind.__subclasses__():
            yield from below(one)

    for kind in (*below(outlast.StoreError), outlast.OutlastError, outlast.ConfigError):
        assert getattr(outlast, kind.__name__) is kind
        assert kind.__name__ in outlast.__all__
