import asyncio
import gc
import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pandas as pd
import pyarrow.dataset
import pyarrow.fs
import pytest
from fsspec.callbacks import Callback
from fsspec.core import OpenFile

from outlast.embed.filesystem import OutlastFileSystem
from outlast.embed.sync import SyncStore

LARGE = bytes(range(256)) * 70_000
"""More than an extent: a file of two blocks."""


def test_it_is_registered_as_outlast() -> None:
    assert fsspec.get_filesystem_class("outlast") is OutlastFileSystem


def test_the_store_is_opened_by_the_first_call_and_closed_with_the_filesystem(opened: list[str]) -> None:
    fs, path = OutlastFileSystem("a.toml", skip_instance_cache=True), Path("a.toml").absolute()
    assert opened == []
    assert fs.ls("") == []
    fs.close()
    assert opened == [f"open {path}", f"close {path}"]
    assert fs.ls("") == []
    del fs
    gc.collect()
    assert opened == [f"open {path}", f"close {path}"] * 2


def test_the_settings_come_from_the_environment_by_default(
    opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTLAST_CONFIG", "elsewhere.toml")
    fs = OutlastFileSystem(skip_instance_cache=True)
    fs.ls("")
    fs.close()
    assert opened[0] == f"open {Path('elsewhere.toml').absolute()}"


def test_files_are_piped_and_read_by_ranges(fs: OutlastFileSystem) -> None:
    fs.pipe_file("outlast://bucket/dir/file", b"0123456789")
    assert fs.cat_file("bucket/dir/file") == b"0123456789"
    assert fs.cat_file("bucket/dir/file", 2, 5) == b"234"
    assert fs.cat_file("bucket/dir/file", -3) == b"789"
    assert fs.cat_file("bucket/dir/file", 8, 100) == b"89"
    assert fs.cat_file("bucket/dir/file", 5, 5) == b""
    with pytest.raises(FileNotFoundError):
        fs.cat_file("bucket/none")
    with pytest.raises(FileExistsError):
        fs.pipe_file("bucket/dir/file", b"again", mode="create")


def test_folders_are_what_keys_make_of_them(fs: OutlastFileSystem) -> None:
    fs.pipe({"bucket/a/b/1": b"1", "bucket/a/2": b"22", "bucket/ab": b"", "bucket/a/b": b"both"})
    assert fs.ls("", detail=False) == ["bucket"]
    assert fs.ls("bucket", detail=False) == ["bucket/a", "bucket/ab"]
    assert fs.ls("bucket/a/", detail=False) == ["bucket/a/2", "bucket/a/b", "bucket/a/b"]
    assert fs.ls("bucket/a/2", detail=False) == ["bucket/a/2"]
    assert fs.find("bucket") == ["bucket/a/2", "bucket/a/b", "bucket/a/b/1", "bucket/ab"]
    assert fs.find("bucket/a/2") == ["bucket/a/2"]
    assert fs.find("bucket/none") == []
    assert fs.glob("bucket/*/2") == ["bucket/a/2"]
    assert fs.du("bucket") == 7
    assert fs.isdir("bucket/a")
    assert fs.isfile("bucket/a/2")
    assert not fs.exists("bucket/b")
    assert not fs.exists("nobucket")
    with pytest.raises(FileNotFoundError):
        fs.ls("bucket/none")


def test_info_tells_size_etag_and_time(fs: OutlastFileSystem) -> None:
    fs.pipe_file("bucket/file", b"hello")
    info = fs.info("bucket/file")
    assert (info["size"], info["type"], info["ETag"]) == (5, "file", "5d41402abc4b2a76b9719d911017c592")
    assert fs.modified("bucket/file") == fs.created("bucket/file") == info["LastModified"]
    before = fs.ukey("bucket/file")
    fs.pipe_file("bucket/file", b"other")
    assert fs.ukey("bucket/file") != before


@pytest.mark.parametrize("content", [b"", b"small", LARGE])
def test_a_file_is_written_and_read(fs: OutlastFileSystem, content: bytes) -> None:
    with fs.open("bucket/file", "wb") as file:
        for start in range(0, len(content), 3_000_000):
            file.write(content[start : start + 3_000_000])
        assert not fs.exists("bucket/file")
    with fs.open("bucket/file", "rb") as file:
        assert file.read(2) == content[:2]
        file.seek(-5, 2) if content else None
        assert file.read() == content[-5:]
        file.seek(0)
        assert file.read() == content


def test_a_file_whose_writer_fails_does_not_appear(fs: OutlastFileSystem) -> None:
    for content in (b"half", LARGE):
        with pytest.raises(ValueError, match="no more"), fs.open("bucket/file", "wb") as file:
            file.write(content)
            raise ValueError("no more")
    assert not fs.exists("bucket/file")
    fs.rmdir("bucket")  # not even an upload under way is left


def test_an_exclusive_file_is_written_once(fs: OutlastFileSystem) -> None:
    with fs.open("bucket/file", "xb") as file:
        file.write(b"first")
    with pytest.raises(FileExistsError), fs.open("bucket/file", "xb") as file:
        file.write(b"second")
    assert fs.cat_file("bucket/file") == b"first"
    with pytest.raises(ValueError, match="appended"):
        fs.open("bucket/file", "ab")


def test_a_transaction_shows_its_files_at_its_end_or_never(fs: OutlastFileSystem) -> None:
    with fs.transaction:
        with fs.open("bucket/a", "wb") as file:
            file.write(b"a")
        with fs.open("bucket/b", "wb") as file:
            file.write(LARGE)
        assert fs.find("bucket") == []
    assert fs.find("bucket") == ["bucket/a", "bucket/b"]
    with pytest.raises(ValueError, match="no"), fs.transaction:
        with fs.open("bucket/c", "wb") as file:
            file.write(LARGE)
        raise ValueError("no")
    assert not fs.exists("bucket/c")


def test_a_file_that_changes_while_it_is_read_is_not_mixed(fs: OutlastFileSystem) -> None:
    fs.pipe_file("bucket/file", LARGE)
    file = fs.open("bucket/file", "rb", block_size=1000)
    file.read(10)
    fs.pipe_file("bucket/file", b"x" * len(LARGE))
    with pytest.raises(OSError, match="changed"):
        file.read()


def test_trees_are_put_got_copied_moved_and_removed(fs: OutlastFileSystem, tmp_path: Path) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/one").write_bytes(b"1")
    (tmp_path / "in/sub/two").write_bytes(LARGE)
    fs.put(f"{tmp_path}/in/", "bucket/tree/", recursive=True)
    assert fs.find("bucket") == ["bucket/tree/one", "bucket/tree/sub/two"]
    fs.cp("bucket/tree/", "bucket/copy/", recursive=True)
    fs.mv("bucket/copy/one", "bucket/moved")
    fs.get("bucket/tree/", f"{tmp_path}/out/", recursive=True)
    assert (tmp_path / "out/sub/two").read_bytes() == LARGE
    fs.rm("bucket/tree", recursive=True)
    assert fs.find("bucket") == ["bucket/copy/sub/two", "bucket/moved"]
    fs.rm_file("bucket/moved")
    with pytest.raises(FileNotFoundError):
        fs.rm("bucket/none", recursive=True)
    fs.rm("bucket", recursive=True)
    assert fs.ls("") == []


def test_buckets_are_made_and_removed_as_folders(fs: OutlastFileSystem) -> None:
    with pytest.raises(FileExistsError):
        fs.mkdir("bucket")
    fs.makedirs("bucket/some/folder", exist_ok=True)
    fs.makedirs("other/some/folder")
    assert fs.ls("", detail=False) == ["bucket", "other"]
    fs.pipe_file("other/file", b"")
    with pytest.raises(OSError, match="other"):
        fs.rmdir("other")
    with pytest.raises(IsADirectoryError):
        fs.pipe_file("bucket", b"")
    with pytest.raises(OSError, match="Bad_Name"):
        fs.mkdir("Bad_Name")


async def test_it_works_inside_a_running_loop(opened: list[str]) -> None:
    fs = OutlastFileSystem("a.toml", asynchronous=True, skip_instance_cache=True)
    await fs._mkdir("bucket")
    await fs._pipe_file("bucket/file", b"x")
    assert await fs._cat_file("bucket/file") == b"x"
    await fs.aclose()
    assert opened[-1] == f"close {Path('a.toml').absolute()}"


# ---------------------------------------------------------------- those for whom it is made


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"n": range(1000), "name": [f"row {i}" for i in range(1000)]})


def test_pandas_reads_and_writes(fs: OutlastFileSystem, frame: pd.DataFrame) -> None:
    with fs.open("bucket/table.csv", "w") as file:
        frame.to_csv(file, index=False)
    frame.to_parquet("bucket/table.parquet", filesystem=fs)
    assert pd.read_csv(fs.open("bucket/table.csv")).equals(frame)
    assert pd.read_parquet("bucket/table.parquet", filesystem=fs).equals(frame)


def test_pandas_finds_the_store_by_its_url(opened: list[str], frame: pd.DataFrame) -> None:
    options = {"config": "by-url.toml"}
    fs = fsspec.filesystem("outlast", **options)
    fs.mkdir("bucket")
    frame.to_csv("outlast://bucket/t.csv", index=False, storage_options=options)
    assert pd.read_csv("outlast://bucket/t.csv", storage_options=options).equals(frame)
    fs.close()


def test_pyarrow_reads_a_dataset(fs: OutlastFileSystem, frame: pd.DataFrame) -> None:
    arrow = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fs))
    table = pyarrow.Table.from_pandas(frame)
    pyarrow.dataset.write_dataset(table, "bucket/set", format="parquet", filesystem=arrow)
    assert pyarrow.dataset.dataset("bucket/set", filesystem=arrow).to_table().to_pandas().equals(frame)


def test_duckdb_queries_and_writes(fs: OutlastFileSystem, frame: pd.DataFrame) -> None:
    frame.to_parquet("bucket/table.parquet", filesystem=fs)
    connection = duckdb.connect()
    connection.register_filesystem(fs)
    assert connection.sql("SELECT sum(n) FROM 'outlast://bucket/*.parquet'").fetchall() == [(499_500,)]
    connection.execute("COPY (SELECT 42 AS answer) TO 'outlast://bucket/answer.csv'")
    assert fs.cat_file("bucket/answer.csv") == b"answer\n42\n"


# ---------------------------------------------------------------- what fails, or is forgotten


class WriterError(Exception):
    pass


def written_badly(file: Any, mode: str) -> None:
    """Write more than any buffer keeps, then fail inside of the block."""
    with file as opened:
        opened.write("half" * 100_000 if "b" not in mode else b"half" * 100_000)
        raise WriterError


@pytest.mark.parametrize("compression", [None, "gzip", "bz2", "xz"])
@pytest.mark.parametrize("mode", ["w", "wb", "wt"])
def test_a_writer_that_fails_leaves_the_object_as_it_was(
    fs: OutlastFileSystem, mode: str, compression: str | None
) -> None:
    fs.pipe_file("bucket/file", b"good")
    with pytest.raises(WriterError):
        written_badly(fs.open("bucket/file", mode, compression=compression), mode)
    with pytest.raises(WriterError):
        written_badly(OpenFile(fs, "bucket/file", mode, compression=compression), mode)
    gc.collect()
    assert fs.cat_file("bucket/file") == b"good"


def test_a_writer_of_pandas_that_fails_leaves_the_object_as_it_was(
    fs: OutlastFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pandas closes its files without a word of what went wrong."""

    class Bad:
        def __str__(self) -> str:
            raise WriterError

    fs.pipe_file("bucket/file.csv", b"good")
    frame = pd.DataFrame({"a": ["fine"] * 100_000 + [Bad()]})
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda url, **_: (fs, url.removeprefix("outlast://")))
    monkeypatch.setattr(
        fsspec, "open", lambda url, mode, **_: OpenFile(fs, url.removeprefix("outlast://"), mode)
    )
    with pytest.raises(WriterError):
        frame.to_csv("outlast://bucket/file.csv")
    assert fs.cat_file("bucket/file.csv") == b"good"


@pytest.mark.parametrize("compression", [None, "gzip", "xz"])
@pytest.mark.parametrize("mode", ["w", "wb"])
def test_what_is_closed_is_written_also_while_an_older_error_is_handled(
    fs: OutlastFileSystem, mode: str, compression: str | None
) -> None:
    text = "text" if "b" not in mode else b"text"
    try:
        raise WriterError
    except WriterError:
        with fs.open("bucket/one", mode, compression=compression) as file:
            file.write(text)
        with OpenFile(fs, "bucket/two", mode, compression=compression) as file:
            file.write(text)
    file = fs.open("bucket/three", mode, compression=compression)
    try:
        file.write(text)
        raise WriterError
    except WriterError:
        file.close()  # on purpose: it may be the end of what there is to write
    for name in ("one", "two", "three"):
        with fs.open(f"bucket/{name}", mode.replace("w", "r"), compression=compression) as file:
            assert file.read() == text


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("mode", ["w", "wb"])
@pytest.mark.parametrize("size", [10, 40 << 20])
def test_a_file_that_is_forgotten_leaves_the_object_as_it_was(
    fs: OutlastFileSystem, mode: str, size: int, compression: str | None
) -> None:
    fs.pipe_file("bucket/file", b"good")
    file = fs.open("bucket/file", mode, compression=compression)
    file.write("x" * size if mode == "w" else bytes(size))
    with pytest.warns(RuntimeWarning, match="bucket/file was never closed"):
        del file
        gc.collect()
    assert fs.cat_file("bucket/file") == b"good"


def test_an_aborted_file_stays_so_at_the_end_of_a_transaction(fs: OutlastFileSystem) -> None:
    fs.pipe_file("bucket/bad", b"good")
    with fs.transaction:
        with pytest.raises(WriterError):
            written_badly(fs.open("bucket/bad", "wb"), "wb")
        with fs.open("bucket/fine", "wb") as file:
            file.write(b"fine")
    assert fs.cat_file("bucket/bad") == b"good"
    assert fs.cat_file("bucket/fine") == b"fine"


def test_a_download_that_fails_leaves_the_file_as_it_was(
    fs: OutlastFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs.pipe_file("bucket/large", LARGE)
    local = tmp_path / "local"
    local.write_bytes(b"good")

    class Failing(Callback):
        def relative_update(self, inc: int = 1) -> None:
            raise WriterError

    with pytest.raises(WriterError):
        fs.get_file("bucket/large", str(local), callback=Failing())
    assert local.read_bytes() == b"good"
    assert [path.name for path in tmp_path.iterdir()] == ["local"]
    fs.get_file("bucket/large", str(local))
    assert local.read_bytes() == LARGE


# ---------------------------------------------------------------- names, and what is around


def test_a_name_is_never_a_pattern(fs: OutlastFileSystem) -> None:
    fs.pipe({f"bucket/{name}": b"x" for name in ("ab", "ac", "a*", "a[b]", "b")})
    with pytest.raises(FileNotFoundError):
        fs.rm_file("bucket/?")
    fs.rm_file("bucket/a*")
    assert fs.ls("bucket", detail=False) == ["bucket/a[b]", "bucket/ab", "bucket/ac", "bucket/b"]
    fs.rm("bucket/a[b]")
    assert fs.ls("bucket", detail=False) == ["bucket/ab", "bucket/ac", "bucket/b"]
    fs.pipe_file("bucket/a?", b"x")
    fs.rm([name for name in fs.find("bucket") if "?" in name])
    assert fs.ls("bucket", detail=False) == ["bucket/ab", "bucket/ac", "bucket/b"]
    fs.rm("bucket/a*")
    assert fs.ls("bucket", detail=False) == ["bucket/b"]


def test_another_folder_or_environment_is_another_store(
    opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsspec keeps file systems by their arguments, which do not say it all."""
    monkeypatch.delenv("OUTLAST_CONFIG", raising=False)
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        made.append(fsspec.filesystem("outlast"))
        assert fsspec.filesystem("outlast") is made[-1]
    monkeypatch.setenv("OUTLAST_CONFIG", "other.toml")
    made.append(fsspec.filesystem("outlast"))
    monkeypatch.chdir(tmp_path)
    for fs in made:
        fs.ls("")
        copy = pickle.loads(pickle.dumps(fs))
        copy.ls("")
        copy.close()
        fs.close()
    paths = [str(tmp_path / path) for path in ("one/outlast.toml", "two/outlast.toml", "two/other.toml")]
    assert list(dict.fromkeys(event.split()[1] for event in opened)) == paths


def test_a_second_loop_opens_the_store_anew(opened: list[str]) -> None:
    fs = OutlastFileSystem("outlast.toml", asynchronous=True, skip_instance_cache=True)

    async def use() -> None:
        await fs._mkdir("bucket")
        await fs._pipe_file("bucket/file", b"x")
        assert await fs._cat_file("bucket/file") == b"x"

    asyncio.run(use())
    asyncio.run(use())
    assert [event.split()[0] for event in opened].count("open") == 2


def test_a_fork_is_refused_and_ends(fs: OutlastFileSystem, store: SyncStore) -> None:
    """It has the loops of its parent, and no thread that runs them."""
    fs.ls("")
    child = os.fork()
    if not child:
        refused = 0
        for use in (lambda: fs.ls(""), store.buckets):
            try:
                use()
            except RuntimeError as error:
                refused += "fork" in str(error)
        store.close()
        fs._closer()
        os._exit(refused)
    for _ in range(500):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the fork hangs")
    assert os.waitstatus_to_exitcode(status) == 2
    assert store.buckets()
