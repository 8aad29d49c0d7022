"""One object as a file: read by ranges through fsspec's caches, written in parts as the bytes arrive.

A small file is one put. A larger one becomes a multipart upload with its second block, so that no more than
two blocks are in memory. It appears complete when it is closed, or not at all: an error that ends the block
in which it is written aborts it, and so does forgetting to close it. A file that is being read is one version
of the object: if the object changes meanwhile, the next read raises instead of mixing the two.
"""

import asyncio
import errno
import os
import sys
import warnings
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from fsspec.asyn import sync
from fsspec.spec import AbstractBufferedFile

from outlast.base.limits import extent_bytes_max, part_bytes_min, read_window_bytes
from outlast.catalog.records import Condition, Version
from outlast.embed.paths import os_errors, split_file
from outlast.providers.protocol import Buffer

if TYPE_CHECKING:
    from outlast.embed.filesystem import OutlastFileSystem

ABSENT = Condition("absent")


class OutlastFile(AbstractBufferedFile):  # type: ignore[misc]  # fsspec has no types
    """An object opened by `OutlastFileSystem.open` in mode `rb`, `wb`, or `xb` (fails if it exists)."""

    def __init__(
        self,
        fs: "OutlastFileSystem",
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        **options: object,
    ) -> None:
        if mode not in ("rb", "wb", "xb"):
            raise ValueError(f"mode {mode!r}: an object cannot be appended to or changed in place")
        if block_size is None:
            block_size = read_window_bytes if mode == "rb" else extent_bytes_max
        self._bucket, self._key = split_file(path)
        self._upload = ""
        self._parts: list[tuple[int, str]] = []
        self._last = b""
        self._aborted = False
        self._handled = sys.exc_info()[1]
        self._process = os.getpid()
        super().__init__(
            fs, path, mode, block_size if mode == "rb" else max(block_size, part_bytes_min), **options
        )

    def _fetch_range(self, start: int, end: int) -> bytes:
        etag = self.details["ETag"]

        def same(version: Version) -> tuple[int, int]:
            if version.etag != etag:
                raise OSError(errno.ESTALE, "the object has changed since it was opened", self.path)
            return start, end

        data: bytes = sync(self.fs.loop, self.fs.read_span, self.path, same)
        return data

    def _initiate_upload(self) -> None:
        """Do nothing yet: the first block shows whether an upload is needed."""

    def _upload_chunk(self, final: bool = False) -> bool:
        with os_errors(self.path):
            sync(self.fs.loop, self._send, self.buffer.getvalue(), final)
        return True

    async def _send(self, block: bytes, final: bool) -> None:
        store = await self.fs.store()
        if final and not self._upload:
            self._last = block
        else:
            if not self._upload:
                self._upload = await store.create_upload(self._bucket, self._key)
            if block:
                number = len(self._parts) + 1
                etag = await store.put_part(self._bucket, self._key, self._upload, number, block)
                self._parts.append((number, etag))
        if final and self.autocommit:
            await self._commit()

    async def _commit(self) -> None:
        store = await self.fs.store()
        condition = ABSENT if self.mode == "xb" else None
        if self._upload:
            await store.complete_upload(
                self._bucket, self._key, self._upload, self._parts, condition=condition
            )
        else:
            await store.put(self._bucket, self._key, self._last, condition=condition)
        self._upload, self._last = "", b""

    async def _discard(self) -> None:
        if self._upload:
            await (await self.fs.store()).abort_upload(self._bucket, self._key, self._upload)
        self._upload, self._last = "", b""

    def write(self, data: Buffer) -> int:
        """Write more bytes; return their number. Bytes written after an abort are dropped."""
        if self._aborted:
            return memoryview(data).nbytes
        written: int = super().write(data)
        return written

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort if the writer fails: no object is half a file."""
        if error is not None:
            self.abort()
        self.close()

    def close(self) -> None:
        """Finish the file. A file that cannot be finished leaves nothing behind."""
        if not self.closed and self.writable() and self._is_left_by_an_error():
            self.abort()
        try:
            super().close()
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Discard what was written; closing it then finishes nothing."""
        if self.writable() and not self._aborted:
            self._aborted = self.forced = True  # forced, for fsspec: there is nothing left to flush
            self.discard()

    def forget(self) -> None:
        """Abort from wherever the garbage collector runs, without waiting."""
        if self.closed or not self.writable() or self._aborted or self._process != os.getpid():
            return
        self._aborted = self.forced = True
        # Not a ResourceWarning, which is hidden by default: the caller may have meant to write the file.
        warnings.warn(f"{self.path} was never closed, so it is not written", RuntimeWarning, stacklevel=2)
        if self._upload and self.fs.loop.is_running():
            asyncio.run_coroutine_threadsafe(self._discard(), self.fs.loop)

    def __del__(self) -> None:
        """Abort: a file that was not closed is not finished."""
        self.forget()
        self.closed = True

    def commit(self) -> None:
        """Make the file appear, at the end of an fsspec transaction."""
        if not self._aborted:
            with os_errors(self.path):
                sync(self.fs.loop, self._commit)

    def discard(self) -> None:
        """Discard what was written."""
        with os_errors(self.path):
            sync(self.fs.loop, self._discard)

    def _is_left_by_an_error(self) -> bool:
        """Whether a `with` is being left because of an error that occurred after the file was opened.

        fsspec's `OpenFile`, pandas' handles, and others close their files at the end of a block without
        saying how the block ended. An error that was being handled when the file was opened does not count.
        """
        error = sys.exc_info()[1]
        if error is None or error is self._handled:
            return False
        frame: FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_name != "__exit__":
            frame = frame.f_back
        return frame is not None
