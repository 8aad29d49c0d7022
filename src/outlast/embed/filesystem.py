"""The store as an fsspec filesystem, `outlast://bucket/key`: for pandas, pyarrow, DuckDB, dask, and others.

    pandas.read_parquet("outlast://bucket/table.parquet", storage_options={"config": "outlast.toml"})

Buckets are the top folders; folders below them are what object stores make of them: the part of a key up to
a `/`. Listings are not cached, so they are always current. The store is opened by the first call, in the
event loop in which fsspec runs this filesystem, and closed at exit or by `close`.
"""

import asyncio
import os
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from glob import has_magic
from pathlib import Path
from typing import Any, Literal, TypeAlias

from fsspec.asyn import AsyncFileSystem, sync, sync_wrapper
from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.compression import compr
from fsspec.core import get_compression
from fsspec.spec import make_instance

from outlast.assembly.opening import open_store
from outlast.assembly.settings import CONFIG_NAME, load_settings
from outlast.base.concurrency import offload
from outlast.base.limits import delete_keys_max
from outlast.base.replacing import replacing
from outlast.catalog.records import Version
from outlast.embed.file import ABSENT, OutlastFile
from outlast.embed.layers import CompressedLayer, TextLayer
from outlast.embed.paths import os_errors, split, split_file
from outlast.embed.source import as_source
from outlast.store import Store

Info: TypeAlias = dict[str, Any]
"""What fsspec knows about a file: `name`, `size`, `type`, and here `ETag` and `LastModified`."""

close_timeout_s = 10.0
text_options = ("encoding", "errors", "newline")


class _Ambient:
    """What the environment says about the store, so that fsspec's cache keeps different stores apart."""

    def __get__(self, _: object, owner: type | None = None) -> tuple[str, str]:
        try:
            here = str(Path.cwd())
        except FileNotFoundError:
            here = ""  # it was deleted
        return here, os.environ.get("OUTLAST_CONFIG", "")


class OutlastFileSystem(AsyncFileSystem):  # type: ignore[misc]  # fsspec has no types
    """One store as a filesystem. `config`: its settings file, else `OUTLAST_CONFIG`, else ./outlast.toml."""

    protocol = "outlast"
    root_marker = ""
    ambient = _Ambient()
    _extra_tokenize_attributes = ("ambient",)

    def __init__(
        self,
        config: str | os.PathLike[str] | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(config=config, state_dir=state_dir, **options)
        # Absolute: the store is opened later, and by then the working directory may have changed.
        self._config = Path(config or os.environ.get("OUTLAST_CONFIG") or CONFIG_NAME).absolute()
        self._state_dir = None if state_dir is None else Path(state_dir).absolute()
        self._opening: asyncio.Task[Store] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Open it again in another process, wherever that runs and whatever its environment says."""
        options = {**self.storage_options, "config": str(self._config)}
        if self._state_dir is not None:
            options["state_dir"] = str(self._state_dir)
        return make_instance, (type(self), (), options)

    # -- the store

    async def store(self) -> Store:
        """Return the store, open."""
        # A loop that has ended (an earlier `asyncio.run`) has closed what was opened in it.
        if (
            self._opening is None
            or _failed(self._opening)
            or self._opening.get_loop() is not asyncio.get_running_loop()
        ):
            self._opening = asyncio.ensure_future(self._open_store())
        return await asyncio.shield(self._opening)

    async def _open_store(self) -> Store:
        opening = open_store(load_settings(self._config), self._state_dir)
        store = await opening.__aenter__()
        if not self.asynchronous:
            self._closer = weakref.finalize(self, _close_from_outside, self.loop, opening, os.getpid())
        self._opened = opening
        return store

    async def aclose(self) -> None:
        """Close the store; a later call opens it again."""
        opening, self._opening = self._opening, None
        if opening is None or opening.get_loop() is not asyncio.get_running_loop():
            return
        await opening
        if not self.asynchronous:
            self._closer.detach()
        await self._opened.__aexit__(None, None, None)

    def close(self) -> None:
        """Close the store; a later call opens it again."""
        sync(self.loop, self.aclose)

    # -- looking

    async def _info(self, path: str, **_: Any) -> Info:
        path = self._strip_protocol(path)
        bucket, key = split(path)
        if not bucket:
            return _folder("")
        store = await self.store()
        with os_errors(path):
            if not key:
                await store.bucket(bucket)
                return _folder(bucket)
            listing = await store.list(bucket, key, "/", limit=1)
            if listing.entries and listing.entries[0].key == key:
                return _file(bucket, listing.entries[0])
            listing = await store.list(bucket, key + "/", limit=1)
        if listing.entries:
            return _folder(path)
        raise FileNotFoundError(path)

    async def _ls(self, path: str, detail: bool = True, **_: Any) -> list[Info] | list[str]:
        path = self._strip_protocol(path)
        bucket, key = split(path)
        if not bucket:
            infos = [_folder(row.name) for row in await (await self.store()).buckets()]
        else:
            prefix = f"{key}/" if key else ""
            infos = [info async for info in self._listed(bucket, prefix, "/") if info["name"] != path + "/"]
            if not infos:
                info = await self._info(path)
                infos = [info] if info["type"] == "file" else []
        return infos if detail else [info["name"] for info in infos]

    async def _find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, **options: Any
    ) -> list[str] | dict[str, Info]:
        """Without folders and depth, list a whole tree as one flat list, a thousand keys at a time."""
        path = self._strip_protocol(path)
        bucket, key = split(path)
        if maxdepth is not None or withdirs or not bucket:
            found: list[str] | dict[str, Info] = await super()._find(path, maxdepth, withdirs, **options)
            return found
        prefix = f"{key}/" if key else ""
        try:
            infos = {info["name"]: info async for info in self._listed(bucket, prefix, "")}
            if not infos and (info := await self._info(path))["type"] == "file":
                infos = {path: info}
        except FileNotFoundError:
            infos = {}  # as for every fsspec filesystem: a missing path contains nothing
        infos = {name: info for name, info in infos.items() if not name.endswith("/")}
        return infos if options.get("detail") else list(infos)

    async def _listed(self, bucket: str, prefix: str, delimiter: str) -> AsyncIterator[Info]:
        store = await self.store()
        after: str | None = ""
        while after is not None:
            with os_errors(bucket):
                listing = await store.list(bucket, prefix, delimiter, after)
            page = [_file(bucket, row) for row in listing.entries]
            page += [_folder(f"{bucket}/{common[:-1]}") for common in listing.prefixes]
            for info in sorted(page, key=lambda info: str(info["name"])):
                yield info
            after = listing.next

    async def _modified(self, path: str) -> datetime:
        info = await self._info(path)
        if info["type"] != "file":
            raise IsADirectoryError(path)
        modified: datetime = info["LastModified"]
        return modified

    def modified(self, path: str) -> datetime:
        """Return when the object was written, in UTC."""
        modified: datetime = sync(self.loop, self._modified, path)
        return modified

    created = modified

    def ukey(self, path: str) -> str:
        """Return the ETag, which changes with the content."""
        return str(self.info(path).get("ETag", ""))

    # -- reading and writing

    async def read_span(self, path: str, select: Callable[[Version], tuple[int, int] | None]) -> bytes:
        """Return the bytes that `select` chooses once the version is known."""
        bucket, key = split_file(path)
        with os_errors(path):
            async with (await self.store()).get(bucket, key, select=select) as reading:
                return await reading.read()

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        def select(version: Version) -> tuple[int, int]:
            first, last, _ = slice(start, end).indices(version.size)
            return first, max(first, last)

        return await self.read_span(self._strip_protocol(path), select)

    async def _get_file(
        self, rpath: str, lpath: str, callback: Callback = DEFAULT_CALLBACK, **_: Any
    ) -> None:
        if await self._isdir(rpath):
            await offload(lambda: Path(lpath).mkdir(parents=True, exist_ok=True))
            return
        path = self._strip_protocol(rpath)
        bucket, key = split_file(path)
        with os_errors(path):
            async with (await self.store()).get(bucket, key) as reading:
                callback.set_size(reading.stop - reading.start)
                with replacing(Path(lpath)) as file:
                    async for piece in reading:
                        await offload(file.write, piece)
                        callback.relative_update(len(piece))

    async def _pipe_file(
        self, path: str, value: bytes, mode: Literal["overwrite", "create"] = "overwrite", **_: Any
    ) -> None:
        path = self._strip_protocol(path)
        bucket, key = split_file(path)
        with os_errors(path):
            condition = ABSENT if mode == "create" else None
            await (await self.store()).put(bucket, key, bytes(value), condition=condition)

    async def _put_file(
        self,
        lpath: str,
        rpath: str,
        mode: Literal["overwrite", "create"] = "overwrite",
        callback: Callback = DEFAULT_CALLBACK,
        **_: Any,
    ) -> None:
        local = Path(lpath)
        if await offload(local.is_dir):
            return
        path = self._strip_protocol(rpath)
        bucket, key = split_file(path)
        size = (await offload(local.stat)).st_size
        callback.set_size(size)
        with await offload(lambda: local.open("rb")) as file, os_errors(path):
            condition = ABSENT if mode == "create" else None
            await (await self.store()).put(bucket, key, as_source(file), condition=condition)
        callback.relative_update(size)

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **options: Any,
    ) -> Any:
        """Like fsspec's, but a writer of text or compressed bytes that fails leaves the object as it was."""
        if "r" in mode or ("b" in mode and compression is None):
            return super().open(path, mode, block_size, cache_options, compression, **options)
        text = {name: options.pop(name) for name in text_options if name in options}
        binary = mode.replace("t", "").replace("b", "") + "b"
        target: OutlastFile = super().open(path, binary, block_size, cache_options, **options)
        file: OutlastFile | CompressedLayer = target
        kind = get_compression(path, compression)
        if kind is not None:
            file = CompressedLayer(compr[kind](target, mode=binary[0]), target)
        return file if "b" in mode else TextLayer(file, target, **text)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> OutlastFile:
        return OutlastFile(
            self, path, mode, block_size, autocommit=autocommit, cache_options=cache_options, **options
        )

    async def _cp_file(self, path1: str, path2: str, **_: Any) -> None:
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if await self._isdir(source):
            return  # a folder exists as soon as it contains something
        with os_errors(source):
            await (await self.store()).copy(*split_file(source), *split_file(target))

    # -- removing, and buckets

    async def _expand_path(
        self,
        path: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        assume_literal: bool = False,
    ) -> list[str]:
        """Treat a path as a pattern only if nothing has exactly that name; the names in a list are names."""
        literal = (
            assume_literal or not isinstance(path, str) or (has_magic(path) and await self._exists(path))
        )
        paths = [path] if isinstance(path, str) else path
        expanded: list[str] = await super()._expand_path(paths, recursive, maxdepth, literal)
        return expanded

    async def _rm_file(self, path: str, **_: Any) -> None:
        path = self._strip_protocol(path)
        bucket, key = split_file(path)
        with os_errors(path):
            if not await (await self.store()).delete(bucket, key):
                raise FileNotFoundError(path)

    async def _rm(self, path: str | list[str], recursive: bool = False, **options: Any) -> None:
        maxdepth = options.get("maxdepth")
        paths = await self._expand_path(path, recursive=recursive, maxdepth=maxdepth)
        keys: dict[str, list[str]] = {}
        for bucket, key in map(split, paths):
            keys.setdefault(bucket, [])
            if key:
                keys[bucket].append(key)
        store = await self.store()
        for bucket, names in keys.items():
            with os_errors(bucket):
                for start in range(0, len(names), delete_keys_max):
                    await store.delete_many(bucket, names[start : start + delete_keys_max])
                if bucket in paths:
                    await store.delete_bucket(bucket)

    async def _mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Create the bucket; folders need no creation."""
        bucket, key = split(self._strip_protocol(path))
        with os_errors(bucket):
            if not key:
                await (await self.store()).create_bucket(bucket)
            elif create_parents:
                await self._makedirs(bucket, exist_ok=True)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        bucket, key = split(self._strip_protocol(path))
        try:
            await self._mkdir(bucket)
        except FileExistsError:
            if not exist_ok and not key:
                raise

    async def _rmdir(self, path: str) -> None:
        bucket, key = split(self._strip_protocol(path))
        if not key:
            with os_errors(bucket):
                await (await self.store()).delete_bucket(bucket)

    rmdir = sync_wrapper(_rmdir)


def _file(bucket: str, row: Any) -> Info:
    """Convert a row of a listing."""
    return {
        "name": f"{bucket}/{row.key}",
        "size": row.size,
        "type": "file",
        "ETag": row.etag,
        "LastModified": datetime.fromtimestamp(row.modified / 1000, UTC),
    }


def _folder(path: str) -> Info:
    return {"name": path, "size": 0, "type": "directory"}


def _failed(opening: "asyncio.Task[Store]") -> bool:
    return opening.done() and (opening.cancelled() or opening.exception() is not None)


def _close_from_outside(
    loop: asyncio.AbstractEventLoop, opening: AbstractAsyncContextManager[Store], process: int
) -> None:
    """Close a store whose filesystem was garbage-collected, from any thread; at exit, wait only briefly."""
    if not loop.is_running() or process != os.getpid():
        return  # a fork has the loop without its thread, and the store is its parent's
    try:
        sync(loop, opening.__aexit__, None, None, None, timeout=close_timeout_s)
    except NotImplementedError:  # this is the loop's own thread, which cannot wait for itself
        _last_closings.add(task := loop.create_task(_exited(opening)))
        task.add_done_callback(_last_closings.discard)


_last_closings: set["asyncio.Task[None]"] = set()


async def _exited(opening: AbstractAsyncContextManager[Store]) -> None:
    await opening.__aexit__(None, None, None)
