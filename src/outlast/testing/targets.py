"""What a workload drives: one bucket, through the S3 gateway or straight at a `Store`, by the same few verbs.

A target reports how each write ended: it is done (the verb returns), its condition did not hold
(`Refused`), it certainly did not happen (`Rejected`), or that is unknown (`Unanswered`).

A value is identified by its label, which is stored with the object as metadata, so that a reader can see
which write it reads before it looks at the bytes.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from html import unescape
from typing import Protocol, TypeVar

from outlast.base.errors import NoSuchKey, PreconditionFailed, StoreError, StoreUnavailable
from outlast.catalog.records import Attributes, Condition, Version
from outlast.store import Store
from outlast.store.reading import Reading
from outlast.store.write import Source
from outlast.testing.s3_client import Body, NoAnswer, Response, S3Client

LABEL = "label"

T = TypeVar("T")


class Refused(Exception):
    """The condition did not hold; nothing happened."""


class Rejected(Exception):
    """The answer was an error that guarantees that nothing happened."""


class Unanswered(Exception):
    """No answer, or one that does not say whether it happened."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a read saw."""

    label: str
    etag: str
    content: bytes | bytearray


class Target(Protocol):
    """One bucket. Conditions are those of the catalog."""

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        """Write; return the new ETag. Raises `Refused`, `Rejected`, `Unanswered`."""
        ...

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        """Return the object, or None if there is none. Raises `Rejected`, `Unanswered`.

        With a `part`, `content` is `content[part]`: slice(a, b) with 0 <= a < b, or the end, slice(-n, None).
        """
        ...

    async def delete(self, key: str, condition: Condition | None = None) -> None:
        """Raises `Refused`, `Rejected`, `Unanswered`."""
        ...

    async def list(self, prefix: str) -> dict[str, str]:
        """ETags by key, at most a thousand. Raises `Rejected`, `Unanswered`."""
        ...


def at_once(content: bytes) -> Body:
    """The default way to send a content."""
    return content


class S3Target:
    """A bucket behind a gateway. `upload` turns a content into the body to send."""

    def __init__(self, client: S3Client, bucket: str, upload: Callable[[bytes], Body] = at_once) -> None:
        self._client = client
        self._bucket = bucket
        self._upload = upload

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        headers = {f"x-amz-meta-{LABEL}": label} | _headers(condition)
        body = self._upload(content)
        request = self._client.put(self._bucket, key, body, headers, payload="unsigned", length=len(content))
        return (await _answer(request)).etag

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        headers = {} if part is None else {"range": _range_of(part)}
        response = await _answer(self._client.get(self._bucket, key, headers), absent=404)
        if response.status == 404:
            return None
        return Seen(response.header(f"x-amz-meta-{LABEL}") or "", response.etag, response.body)

    async def delete(self, key: str, condition: Condition | None = None) -> None:
        await _answer(self._client.delete(self._bucket, key, _headers(condition)))

    async def list(self, prefix: str) -> dict[str, str]:
        body = (await _answer(self._client.list(self._bucket, prefix=prefix))).body.decode()
        entries = re.findall(r"<Contents>.*?</Contents>", body, re.DOTALL)
        return {_field(entry, "Key"): _field(entry, "ETag").strip('"') for entry in entries}


def _headers(condition: Condition | None) -> dict[str, str]:
    if condition is None:
        return {}
    return {"if-none-match": "*"} if condition.kind == "absent" else {"if-match": f'"{condition.etag}"'}


def _range_of(part: slice) -> str:
    """Return `part` as the header `range`, whose last byte is inclusive."""
    if part.start < 0:
        assert part.stop is None
        return f"bytes={part.start}"
    return f"bytes={part.start}-{part.stop - 1}"


def _field(entry: str, name: str) -> str:
    return unescape(entry.partition(f"<{name}>")[2].partition(f"</{name}>")[0])


async def _answer(request: Awaitable[Response], absent: int = 0) -> Response:
    """Return the answer if it succeeded or has the `absent` status; otherwise raise what it means."""
    try:
        response = await request
    except NoAnswer as error:
        raise Unanswered(str(error)) from error
    if response.status < 300 or (response.status == absent and response.code in ("NoSuchKey", "")):
        return response
    said = f"{response.status} {response.code} {_field(response.body.decode(), 'Message')}".rstrip()
    if response.status >= 500:
        raise Unanswered(said)
    if response.status == 412 or (response.status, response.code) == (404, "NoSuchKey"):
        raise Refused(said)
    raise Rejected(said)


class StoreTarget:
    """A bucket of a store in this process."""

    def __init__(self, store: Store, bucket: str) -> None:
        self._store = store
        self._bucket = bucket

    def source(self, content: bytes) -> Source:
        """Send `content`: at once."""
        return content

    async def read(self, reading: Reading) -> bytes:
        """Read a reading: as fast as it comes."""
        return await reading.read()

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        attributes = Attributes(metadata={LABEL: label})

        async def put() -> str:
            source = self.source(content)
            return (await self._store.put(self._bucket, key, source, attributes, condition=condition)).etag

        return await _outcome(put)

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        def span(version: Version) -> tuple[int, int] | None:
            return None if part is None else part.indices(version.size)[:2]

        async def get() -> Seen | None:
            try:
                async with self._store.get(self._bucket, key, select=span) as reading:
                    content = await self.read(reading)
            except NoSuchKey:
                return None
            version = reading.version
            return Seen(version.attributes.metadata.get(LABEL, ""), version.etag, content)

        return await _outcome(get)

    async def delete(self, key: str, condition: Condition | None = None) -> None:
        await _outcome(lambda: self._store.delete(self._bucket, key, condition))

    async def list(self, prefix: str) -> dict[str, str]:
        listing = await _outcome(lambda: self._store.list(self._bucket, prefix))
        return {entry.key: entry.etag for entry in listing.entries}


async def _outcome(work: Callable[[], Awaitable[T]]) -> T:
    try:
        return await work()
    except (PreconditionFailed, NoSuchKey) as error:
        raise Refused(repr(error)) from error
    except StoreUnavailable as error:
        raise Unanswered(repr(error)) from error
    except StoreError as error:
        raise Rejected(repr(error)) from error
