"""Multipart uploads: parts are bodies, committed one by one; completing makes them one object.

An upload's id is 16 random bytes, for clients 32 hex digits. The completed object's version id is the
upload's id, so that completing again after a lost answer gives the same version.
"""

import re
from collections.abc import Sequence

from outlast.base import limits
from outlast.base.clock import Clock, unix_ms
from outlast.base.entropy import Entropy
from outlast.base.errors import InvalidPart, NoSuchBucket, NoSuchUpload
from outlast.catalog.catalog import Catalog
from outlast.catalog.listing import UploadListing
from outlast.catalog.records import (
    Attributes,
    Checksum,
    Condition,
    PartCopied,
    PartPut,
    UploadAborted,
    UploadCompleted,
    UploadCreated,
    Version,
)
from outlast.catalog.uploads import Part, Upload
from outlast.store.digests import Digest, Digests
from outlast.store.names import check_key
from outlast.store.reading import Reading
from outlast.store.write import Writer, Written

UPLOAD_ID_BYTES = 16


class Multipart:
    """The records about uploads, and the catalog lookups that belong to them."""

    def __init__(self, catalog: Catalog, writer: Writer, clock: Clock, entropy: Entropy) -> None:
        self._catalog = catalog
        self._writer = writer
        self._clock = clock
        self._entropy = entropy

    async def create(self, bucket: str, key: str, attributes: Attributes, algorithm: str, kind: str) -> str:
        """Begin an upload and return its id. Raises `NoSuchBucket`, `KeyTooLong`."""
        check_key(key)
        upload = self._entropy.bytes(UPLOAD_ID_BYTES)
        await self._catalog.commit(
            UploadCreated(bucket, key, upload, unix_ms(self._clock), attributes, algorithm, kind)
        )
        return upload.hex()

    async def find(self, bucket: str, key: str, upload: str) -> Upload:
        """Return the upload from the newest catalog. Raises `NoSuchUpload`, `NoSuchBucket`."""
        await self._catalog.sync()
        if self._catalog.state.bucket(bucket) is None:
            raise NoSuchBucket(bucket)
        found = self._catalog.state.upload(bucket, key, _id(upload))
        if found is None:
            raise NoSuchUpload(upload)
        return found

    async def check(self, bucket: str, key: str, upload: str, number: int) -> None:
        """Raise `NoSuchUpload`, `InvalidPart`, before anything is read from a client for it.

        An upload that is in the local catalog may have ended elsewhere; the commit of the part shows that.
        """
        if not 1 <= number <= limits.parts_max:
            raise InvalidPart(f"part {number}: must be from 1 to {limits.parts_max}")
        state = self._catalog.state
        if state.bucket(bucket) is None or state.upload(bucket, key, _id(upload)) is None:
            await self.find(bucket, key, upload)

    async def commit_part(
        self, bucket: str, key: str, upload: str, number: int, written: Written, checksum: Checksum | None
    ) -> str:
        """Make it a part, replacing one with the same number; return its ETag. Raises `NoSuchUpload`."""
        at = unix_ms(self._clock)
        await self._writer.commit(
            written, lambda body: PartPut(bucket, key, _id(upload), number, at, body, checksum)
        )
        return written.body.md5.hex()

    async def copy_part(
        self,
        bucket: str,
        key: str,
        upload: str,
        number: int,
        source: tuple[str, str],
        reading: Reading,
        digests: Sequence[Digest],
    ) -> str:
        """Make the bytes of `reading`, which is of `source`, a part without moving them; returns its ETag.

        They are read, for the MD5. Raises `NoSuchUpload`, `NoSuchKey` (it was overwritten meanwhile).
        """
        md5 = await _md5(reading, digests)
        await self._catalog.commit(
            PartCopied(
                bucket=bucket,
                key=key,
                upload=_id(upload),
                number=number,
                at=unix_ms(self._clock),
                source_bucket=source[0],
                source_key=source[1],
                source_version=reading.version.id,
                start=reading.start,
                length=reading.stop - reading.start,
                md5=md5,
            )
        )
        return md5.hex()

    async def parts(self, bucket: str, key: str, upload: str, after: int, limit: int) -> list[Part]:
        """Return the parts with numbers above `after`. Raises `NoSuchUpload`."""
        await self.find(bucket, key, upload)
        return self._catalog.state.parts(_id(upload), after, limit)

    async def uploads(
        self, bucket: str, prefix: str, delimiter: str, key_marker: str, upload_marker: str, limit: int
    ) -> UploadListing:
        """Return a page of the uploads in progress. Raises `NoSuchBucket`."""
        await self._catalog.sync()
        marker = _id(upload_marker) if upload_marker else b""
        return self._catalog.state.uploads(bucket, prefix, delimiter, key_marker, marker, limit)

    async def complete(
        self,
        bucket: str,
        key: str,
        upload: str,
        parts: Sequence[tuple[int, str]],
        checksum: Checksum | None,
        condition: Condition | None,
    ) -> Version:
        """Make the parts the object. Raises what `UploadCompleted` lists."""
        id = _id(upload)
        version: Version = await self._catalog.commit(
            UploadCompleted(
                bucket=bucket,
                key=key,
                upload=id,
                version_id=id,
                at=unix_ms(self._clock),
                parts=tuple(parts),
                checksum=checksum,
                condition=condition,
            )
        )
        return version

    async def abort(self, bucket: str, key: str, upload: str) -> None:
        """End the upload and drop its parts. Raises `NoSuchBucket`, `NoSuchUpload`."""
        if not _is_id(upload):
            await self.find(bucket, key, upload)
        await self._catalog.commit(UploadAborted(bucket, key, _id(upload), unix_ms(self._clock)))


def part_span(version: Version, number: int) -> tuple[int, int]:
    """Return the bytes [start, stop) of part `number`. An object that was not put in parts is its own part 1.

    Raises `InvalidPart` if there is no such part.
    """
    sizes = version.parts or (version.size,)
    if not 1 <= number <= len(sizes):
        raise InvalidPart(f"part {number} of {len(sizes)}")
    start = sum(sizes[: number - 1])
    return start, start + sizes[number - 1]


_is_id = re.compile(r"[0-9a-fA-F]{32}").fullmatch


def _id(upload: str) -> bytes:
    if not _is_id(upload):
        raise NoSuchUpload(upload)
    return bytes.fromhex(upload)


async def _md5(reading: Reading, further: Sequence[Digest]) -> bytes:
    digests = Digests(further)
    try:
        async for chunk in reading:
            digests.feed(chunk)
            await digests.wait_room()
        return await digests.finish()
    except BaseException:
        await digests.cancel()
        raise
