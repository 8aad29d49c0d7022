"""Files in, files out: what `cp` and `cat` do for one file each.

Into the store: up to `limits.put_bytes_max` as one object in one go; more, and standard input, whose
length is unknown, as a multipart upload. Out of it: into a temporary file next to the target, which
takes the target's place when every byte has arrived, so that an interrupted copy leaves nothing that
looks whole.

`same_content` says whether a copy can be spared. It compares content (size and MD5, for multipart
objects the MD5 of the parts' MD5s), not times: a time stamp proves nothing.
"""

import hashlib
import mimetypes
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from outlast.base import limits
from outlast.base.concurrency import offload
from outlast.base.replacing import replacing
from outlast.cli.address import Address
from outlast.providers.protocol import Buffer

if TYPE_CHECKING:
    from outlast.catalog.records import Attributes
    from outlast.store import Reading, Store

Progress: TypeAlias = Callable[[int], None]
"""Told the number of bytes that have just been moved."""

# What is read from a file at a time: large enough for full speed, small enough to show progress.
chunk_bytes = 1 * limits.MIB
# Parts of at least this size. With 10,000 parts it carries 640 GB of unknown length.
part_bytes = 64 * limits.MIB


def attributes_for(name: str) -> "Attributes":
    """The content type that the name of a file suggests."""
    from outlast.catalog.records import Attributes  # here, as in `session`: it is part of the store

    kind, encoding = mimetypes.guess_type(name)
    headers = {"content-type": kind or "application/octet-stream"}
    if encoding:
        headers["content-encoding"] = encoding
    return Attributes(headers=headers)


async def upload_file(store: "Store", path: Path, address: Address, progress: Progress) -> int:
    """Copy a file into the store; its size in bytes. Raises `OSError` and `StoreError`."""
    size = path.stat().st_size
    attributes = attributes_for(path.name)
    with path.open("rb") as file:
        if size <= chunk_bytes:
            data = file.read(chunk_bytes + 1)
            if len(data) <= chunk_bytes:
                await store.put(address.bucket, address.key, data, attributes)
                progress(len(data))
                return len(data)
            file.seek(0)
        if size <= limits.put_bytes_max:
            version = await store.put(address.bucket, address.key, _chunks(file, progress), attributes)
            return version.size
        return await _upload_parts(store, file, address, attributes, size, progress)


async def upload_stream(store: "Store", file: BinaryIO, address: Address, progress: Progress) -> int:
    """Copy a stream of unknown length (standard input) into the store; its size in bytes."""
    attributes = attributes_for(address.key)
    head = await offload(file.read, part_bytes)
    if len(head) < part_bytes:
        await store.put(address.bucket, address.key, head, attributes)
        progress(len(head))
        return len(head)
    return await _upload_parts(store, file, address, attributes, None, progress, head)


async def _upload_parts(
    store: "Store",
    file: BinaryIO,
    address: Address,
    attributes: "Attributes",
    size: int | None,
    progress: Progress,
    head: bytes = b"",
) -> int:
    """A multipart upload, part after part; what was begun is given up when it fails."""
    each = max(part_bytes, -(-(size or 0) // limits.parts_max))
    upload = await store.create_upload(address.bucket, address.key, attributes)
    parts: list[tuple[int, str]] = []
    try:
        while True:
            source = _Part(file, each, head, progress)
            if parts and not await source.has_more():
                break
            number = len(parts) + 1
            etag = await store.put_part(address.bucket, address.key, upload, number, source.chunks())
            parts.append((number, etag))
            head = b""
        version = await store.complete_upload(address.bucket, address.key, upload, parts)
    except BaseException:
        await store.abort_upload(address.bucket, address.key, upload)
        raise
    return version.size


class _Part:
    """At most `size` bytes of a file, as chunks; `head` comes before what the file still has."""

    def __init__(self, file: BinaryIO, size: int, head: bytes, progress: Progress) -> None:
        self._file, self._left, self._next, self._progress = file, size, head, progress

    async def has_more(self) -> bool:
        if not self._next:
            self._next = await offload(self._file.read, min(chunk_bytes, self._left))
        return bool(self._next)

    async def chunks(self) -> AsyncIterator[Buffer]:
        while self._left and await self.has_more():
            self._left -= len(self._next)
            self._progress(len(self._next))
            yield self._next
            self._next = b""


async def _chunks(file: BinaryIO, progress: Progress) -> AsyncIterator[Buffer]:
    while chunk := await offload(file.read, chunk_bytes):
        progress(len(chunk))
        yield chunk


async def download_file(
    store: "Store",
    address: Address,
    path: Path,
    progress: Progress,
    expect: Callable[[int, int], None] = lambda files, size: None,
) -> int:
    """Copy an object into a file, whole or not at all; its size in bytes.

    `expect` gets the number of files and bytes to come.
    """
    async with store.get(address.bucket, address.key) as reading:
        expect(1, reading.stop - reading.start)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            return await copy_out(reading, file, progress)


async def copy_out(reading: "Reading", file: BinaryIO, progress: Progress) -> int:
    """Write all of `reading` to `file`; how many bytes that were."""
    if reading.data is not None:
        file.write(reading.data)
        progress(len(reading.data))
        return len(reading.data)
    size = 0
    async for chunk in reading:
        await offload(file.write, chunk)
        progress(len(chunk))
        size += len(chunk)
    return size


async def same_content(store: "Store", path: Path, address: Address, size: int, etag: str) -> bool:
    """Whether the file has the content of the object with this size and ETag."""
    try:
        if not path.is_file() or path.stat().st_size != size:
            return False
        if "-" not in etag:
            return await offload(_etag_of, path, ()) == etag
        version = await store.head(address.bucket, address.key)
        return version.etag == etag and await offload(_etag_of, path, version.parts) == etag
    except OSError:
        return False


def _etag_of(path: Path, parts: tuple[int, ...]) -> str:
    """The ETag that the file would have, uploaded in one go or in parts of these sizes."""
    with path.open("rb") as file:
        if not parts:
            return hashlib.file_digest(file, _md5).hexdigest()
        whole = _md5()
        for size in parts:
            whole.update(_md5_of_next(file, size))
        return f"{whole.hexdigest()}-{len(parts)}"


def _md5_of_next(file: BinaryIO, size: int) -> bytes:
    digest = _md5()
    while size and (chunk := file.read(min(size, chunk_bytes))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.digest()


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)
