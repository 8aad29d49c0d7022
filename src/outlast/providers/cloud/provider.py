"""A bucket or container as a provider: the seven verbs over obstore.

It is the same for S3, Azure Blob, and Google Cloud Storage; a `Dialect` describes the differences. obstore's
own retries are off: they hide causes and multiply timeouts. `wrap.retry` and the guard decide instead.

This module adds what obstore does not promise: names are checked, listings are cut to the prefix by character
(obstore's prefixes are entire folders), names that the server listed before `start_after` are dropped (some
servers ignore it), and deleting a missing object is no error (some answer 404).

A write is one request, never a multipart upload, so that it is atomic and costs one request. All three
clouds accept 5 GB in one; our objects are at most a few MiB.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import obstore

from outlast.base import limits
from outlast.base.errors import Cause, NotFound, ProviderError, Unavailable, Unsupported
from outlast.providers.cloud.failures import failure, read_error
from outlast.providers.marker import Marker
from outlast.providers.names import check_key, check_prefix, check_span
from outlast.providers.protocol import Data, Entry, Stat, joined, refuse_under

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    Page: TypeAlias = Sequence[Any]

T = TypeVar("T")

# A call's own deadline, for providers that are used without a guard (probes): a guard's is shorter.
deadline_s_base = 15.0
deadline_bytes_per_s = limits.link_bytes_per_s_min
list_page_entries = 1000
# The characters of names, in sorting order.
_letters = "-./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of cloud differs from the others."""

    software: str
    tells_versions: bool
    """Whether a version in an answer means that the bucket keeps versions (Google's generation does not)."""
    conflict_exists: bool
    """Whether a plain 409 to `create` means that the object exists (Azure) or that two writes conflicted."""


class CloudProvider:
    """Objects below a prefix of a bucket or container."""

    def __init__(
        self, name: str, store: "ObjectStore", dialect: Dialect, deadline_s: float = deadline_s_base
    ) -> None:
        self._name = name
        self._store = store
        self._dialect = dialect
        self._deadline_s = deadline_s
        self.versioned = False
        """Whether an answer to a write or read had a version id: the bucket keeps (and charges for)
        everything that is overwritten or deleted. S3 and Azure report this; Google does not."""

    @property
    def name(self) -> str:
        return self._name

    @property
    def attests(self) -> bool:
        return False

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        check_key(key)
        refuse_under(under)
        if span is None:
            return await self._call("get", key, 8 * limits.MIB, lambda: self._whole(key))
        check_span(span)
        if span[0] == span[1]:
            await self._call("get", key, 0, lambda: obstore.head_async(self._store, key))
            return b""
        return await self._call("get", key, span[1] - span[0], lambda: self._part(key, span))

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        refuse_under(under)
        await self._write("put", key, data, "overwrite")

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        refuse_under(under)
        await self._write("create", key, data, "create")

    async def head(self, key: str) -> Stat:
        check_key(key)
        meta = await self._call("head", key, 0, lambda: obstore.head_async(self._store, key))
        return Stat(meta["size"])

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        check_prefix(prefix)
        offset = max(start_after, _below(prefix)) or None
        pages = aiter(
            obstore.list(
                self._store,
                prefix.rpartition("/")[0] or None,
                offset=offset,
                chunk_size=list_page_entries,
            )
        )
        last = ""
        while (page := await self._call("list", prefix, 0, lambda: _next(pages))) is not None:
            for meta in page:
                key = meta["path"]
                if key <= last:
                    raise Unsupported(self._name, "list", "objects are not listed in the order of names")
                last = key
                if key > start_after and key.startswith(prefix):
                    yield Entry(key, meta["size"])
                elif key > prefix and not key.startswith(prefix):
                    return

    async def delete(self, key: str) -> None:
        check_key(key)
        try:
            await self._call("delete", key, 0, lambda: obstore.delete_async(self._store, key))
        except NotFound:
            pass  # it does not exist, as requested

    async def close(self) -> None:
        """obstore's connections end with the last reference to the store."""
        del self._store

    # ------------------------------------------------------------ pieces

    async def _whole(self, key: str) -> bytes:
        result = await obstore.get_async(self._store, key)
        data = bytes(await result.bytes_async())
        self._notice(result.meta["version"])
        return data

    async def _part(self, key: str, span: tuple[int, int]) -> bytes:
        try:
            result = await obstore.get_async(self._store, key, options={"range": span})
            return bytes(await result.bytes_async())
        except Exception as error:
            if read_error(error).status == 416:
                return b""  # the object ends before the span begins
            raise

    async def _write(self, verb: str, key: str, data: Data, mode: Literal["overwrite", "create"]) -> None:
        check_key(key)
        content = joined(data)
        result = await self._call(
            verb,
            key,
            len(content),
            lambda: obstore.put_async(self._store, key, content, mode=mode, use_multipart=False),
        )
        self._notice(result["version"])

    def _notice(self, version: str | None) -> None:
        """See `versioned`. Objects from before versioning was switched on have the version "null"."""
        if self._dialect.tells_versions and version not in (None, "", "null"):
            self.versioned = True

    async def _call(self, verb: str, key: str, size: int, ask: Callable[[], Awaitable[T]]) -> T:
        """Call `ask` within the deadline. obstore's error is not chained: its text may hold secrets."""
        failed: ProviderError
        deadline_s = self._deadline_s + min(size, 16 * limits.MIB) / deadline_bytes_per_s
        try:
            async with asyncio.timeout(deadline_s):
                return await ask()
        except TimeoutError:
            failed = Unavailable(self._name, verb, f"no answer within {deadline_s:.0f} s", Cause.TIMEOUT)
        except Exception as error:  # obstore raises built-in errors as well as its own
            failed = failure(self._name, verb, key, error, self._dialect.conflict_exists)
        raise failed


async def _next(pages: "AsyncIterator[Page]") -> "Page | None":
    return await anext(pages, None)


def _below(prefix: str) -> str:
    """A name that sorts closely before all that begin with `prefix`; "" if there is no simple one."""
    if not prefix or prefix.endswith("/"):
        return ""
    at = _letters.index(prefix[-1])
    if at == 0 or (_letters[at - 1] in "/." and prefix[-2:-1] in ("", "/")):
        return ""
    return prefix[:-1] + _letters[at - 1] + "zzzz"
