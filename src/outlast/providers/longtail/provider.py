"""A folder on a server without conditional writes as a provider: five verbs, and one that it refuses.

Where opendal's WebDAV falls short of the protocol, and what this module does about it:

* A server may write an object in place, so that readers see half of it. So a `put` first writes to a name
  below `.tmp`, which is then moved. Most servers move atomically; some delete the old object just before, so
  an object that is not found is looked up again a moment later.
* A cancelled move may be performed later, when a newer object has that name. So its draft is deleted before
  the next write or deletion of the name: then there is nothing to move. (A process that has ended remembers
  none; except for the marker, no name of ours is written twice with different content.)
* The answer to a move may be a page to which the request was redirected. So the provider checks that the
  draft no longer exists.
* Reading a folder returns a page that lists it. Except for the marker, no object of ours is plain text, so
  anything that is plain text is checked with a `stat`.
* Deleting a folder deletes everything in it. So `delete` first checks that the name is a file. (This needs no
  atomicity: a name is never both.)
* Listings have no order, no start, and only one level. So folders are walked here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar
from weakref import WeakValueDictionary

from opendal.types import EntryMode

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import Background
from outlast.base.entropy import Entropy
from outlast.base.errors import Cause, NotFound, ProviderError, Unavailable, Unsupported
from outlast.providers.longtail.failures import failure, status_of
from outlast.providers.marker import Marker
from outlast.providers.names import check_key, check_prefix, check_span
from outlast.providers.protocol import Data, Entry, Stat, joined, refuse_under

if TYPE_CHECKING:
    from weakref import WeakValueDictionary

    from opendal import AsyncOperator

from opendal.types import Metadata

T = TypeVar("T")
Listed: TypeAlias = list[tuple[str, int | None]]

deadline_s_base = 15.0
deadline_bytes_per_s = limits.link_bytes_per_s_min
# The deadline for deleting a failed draft; after that it is left to the server's owner.
forget_s_max = 5.0
# How many drafts whose move may still be performed are remembered; the oldest is forgotten first.
doubtful_max = 10_000
# Pauses before an object that was not found is looked up again: it may just be being overwritten.
overwriting_pauses_s = (0.01, 0.03, 0.1)


class LongTailProvider:
    """Objects below the root of `operator`."""

    def __init__(
        self,
        name: str,
        operator: "AsyncOperator",
        clock: Clock,
        entropy: Entropy,
        deadline_s: float = deadline_s_base,
    ) -> None:
        self._name = name
        self._operator = operator
        self._clock = clock
        self._entropy = entropy
        self._deadline_s = deadline_s
        self._placing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._doubtful: dict[str, str] = {}
        """Drafts that may still be moved, with the names that they would get."""
        self._background = Background(lambda error: None)

    @property
    def name(self) -> str:
        return self._name

    @property
    def attests(self) -> bool:
        return False

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        check_key(key)
        refuse_under(under)
        if span is not None:
            check_span(span)
        size = 8 * limits.MIB if span is None else span[1] - span[0]
        return await self._placed(key, lambda: self._call("get", key, size, lambda: self._read(key, span)))

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        check_key(key)
        refuse_under(under)
        content = joined(data)
        # One at a time for each name: servers fail if two moves to one name coincide.
        async with self._placing.setdefault(key, asyncio.Lock()):
            await self._call("put", key, len(content), lambda: self._place(key, content))

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        check_key(key)
        refuse_under(under)
        raise Unsupported(self._name, "create", "a place of this kind has no conditional writes")

    async def head(self, key: str) -> Stat:
        check_key(key)
        size = await self._placed(key, lambda: self._call("head", key, 0, lambda: self._size(key)))
        return Stat(size)

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        check_prefix(prefix)
        folder = prefix.rpartition("/")[0]
        async for entry in self._walk(f"{folder}/" if folder else "", prefix, start_after):
            yield entry

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._call("delete", key, 0, lambda: self._remove(key))

    async def close(self) -> None:
        """opendal's connections end with the last reference to the operator."""
        await self._background.close()
        del self._operator

    # ------------------------------------------------------------ one object

    async def _placed(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Send the request while no task here overwrites the object; retry because others may."""
        placing = self._placing.get(key)
        if placing is not None:
            async with placing:
                return await self._looking_again(ask)
        return await self._looking_again(ask)

    async def _looking_again(self, ask: Callable[[], Awaitable[T]]) -> T:
        for pause_s in overwriting_pauses_s:
            try:
                return await ask()
            except NotFound:
                await self._clock.sleep(pause_s)
        return await ask()

    async def _read(self, key: str, span: tuple[int, int] | None) -> bytes:
        if span is None:
            data = await self._operator.read(key)
            if data.isascii():
                await self._size(key)
            return data
        try:
            if span[0] == span[1]:
                data = b""
            else:
                data = await self._operator.read(key, offset=span[0], size=span[1] - span[0])
        except Exception as error:
            if status_of(error) != 416 and "got too" not in str(error):
                raise
            data = await self._read_to_end(key, span)
        if data.isascii():
            await self._size(key)
        return data

    async def _read_to_end(self, key: str, span: tuple[int, int]) -> bytes:
        """Read a span that extends beyond the object's end, which opendal treats as a failure."""
        start, stop = span[0], min(span[1], await self._size(key))
        return await self._operator.read(key, offset=start, size=stop - start) if start < stop else b""

    async def _size(self, key: str) -> int:
        meta = await self._file(key)
        return meta.content_length

    async def _file(self, key: str) -> "Metadata":
        meta = await self._operator.stat(key)
        if meta.mode != EntryMode.File:
            raise NotFound(self._name, "head", key)
        return meta

    async def _place(self, key: str, content: bytes) -> None:
        await self._withdraw(key)
        draft = f".tmp/{self._entropy.bytes(12).hex()}"
        try:
            await self._operator.write(draft, content)
            self._doubt(draft, key)
            await self._operator.rename(draft, key)
            if await self._is_there(draft):
                raise Unavailable(
                    self._name, "put", f"{key}: a move was answered but not performed", Cause.UNKNOWN
                )
            self._doubtful.pop(draft, None)
        except BaseException:
            self._background.spawn(self._forget(draft))
            raise

    async def _is_there(self, draft: str) -> bool:
        try:
            await self._operator.stat(draft)
        except Exception as error:
            if type(error).__name__ != "NotFound":
                raise
            return False
        return True

    def _doubt(self, draft: str, key: str) -> None:
        """Record that from now on the draft may be moved to `key` at any time."""
        self._doubtful[draft] = key
        if len(self._doubtful) > doubtful_max:
            del self._doubtful[next(iter(self._doubtful))]

    async def _withdraw(self, key: str) -> None:
        """Ensure that no cancelled move to `key` can still be performed."""
        for draft in [draft for draft, name in self._doubtful.items() if name == key]:
            await self._delete_draft(draft)

    async def _delete_draft(self, draft: str) -> None:
        try:
            await self._operator.delete(draft)
        except Exception as error:
            if type(error).__name__ != "NotFound":
                raise
        self._doubtful.pop(draft, None)

    async def _forget(self, draft: str) -> None:
        """Delete a failed draft, in the background: its server may be the one that hangs."""
        try:
            async with asyncio.timeout(forget_s_max):
                await self._delete_draft(draft)
        except Exception:  # noqa: S110 the error that matters is the one that led here
            pass

    async def _remove(self, key: str) -> None:
        await self._withdraw(key)
        try:
            await self._file(key)
            await self._operator.delete(key)
        except Exception as error:
            if not isinstance(error, NotFound) and type(error).__name__ != "NotFound":
                raise

    # ------------------------------------------------------------ listing

    async def _walk(self, folder: str, prefix: str, start_after: str) -> AsyncIterator[Entry]:
        """The requested objects below `folder`, in order: a folder sorts as its name followed by a slash."""
        for path, size in await self._call("list", folder, 0, lambda: self._folder(folder)):
            if size is not None:
                if path > start_after and path.startswith(prefix):
                    yield Entry(path, size)
                continue
            before = path < start_after and not start_after.startswith(path)
            if not before and (path.startswith(prefix) or prefix.startswith(path)):
                async for entry in self._walk(path, prefix, start_after):
                    yield entry

    async def _folder(self, folder: str) -> Listed:
        """The content of a folder, sorted, with sizes; folders end in a slash and have none. Only ours."""
        found: Listed = []
        try:
            async for entry in await self._operator.list(folder or "/"):
                path = entry.path.lstrip("/")
                if path == folder or not path.startswith(folder) or path[len(folder) :].startswith("."):
                    continue
                found.append((path, None if path.endswith("/") else entry.metadata.content_length))
        except Exception as error:
            if type(error).__name__ != "NotFound":
                raise
        return sorted(found)

    # ------------------------------------------------------------ calls

    async def _call(self, verb: str, key: str, size: int, ask: Callable[[], Awaitable[T]]) -> T:
        """Call `ask` within the deadline. opendal's error is not chained: its text may hold secrets."""
        failed: ProviderError
        deadline_s = self._deadline_s + min(size, 16 * limits.MIB) / deadline_bytes_per_s
        try:
            async with asyncio.timeout(deadline_s):
                return await ask()
        except TimeoutError:
            failed = Unavailable(self._name, verb, f"no answer within {deadline_s:.0f} s", Cause.TIMEOUT)
        except NotFound:
            failed = NotFound(self._name, verb, key)
        except Unavailable as error:
            failed = error
        except Exception as error:  # opendal raises built-in errors as well as its own
            failed = failure(self._name, verb, key, error)
        raise failed
