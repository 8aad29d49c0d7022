"""A provider in this process's memory: for tests, the simulator and trying things out.

It keeps every promise of the protocol and is as strict as the real ones: names are checked, and a name
cannot also be the folder of another, as on a disk. It needs no threads; with a `clock` each verb gives other
tasks a turn before and after the operation, where real providers interleave calls and where answers get lost.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from outlast.base.clock import Clock
from outlast.base.errors import Estranged, Exists, NotFound, ProviderError, Unsupported
from outlast.providers import trouble
from outlast.providers.marker import MARKER_KEY, Marker, decode_marker
from outlast.providers.names import check_key, check_prefix, check_span
from outlast.providers.protocol import Data, Entry, Stat, joined, refuse_under


class MemoryProvider:
    """Objects in a dict. Several stores may share one instance, as gateways share a provider.

    Without `attests` it is like a provider on a network, whose marker must be read.
    """

    def __init__(self, name: str, clock: Clock | None = None, attests: bool = True) -> None:
        self._name = name
        self._attests = attests
        self._clock = clock
        self._objects: dict[str, bytes] = {}
        self._sorted: list[str] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def attests(self) -> bool:
        return self._attests

    def wipe(self) -> None:
        """Forget everything, as a formatted disk does."""
        self._objects.clear()
        self._sorted.clear()

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        check_key(key)
        with self._attested("get", under):
            await self._turn()
            data = self._find("get", key)
            await self._turn()
        if span is None:
            return data
        check_span(span)
        return data[span[0] : span[1]]

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        check_key(key)
        with self._attested("put", under):
            await self._turn()
            self._look("put", under)
            self._store("put", key, joined(data))
            await self._turn()

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        check_key(key)
        content = joined(data)
        with self._attested("create", under):
            await self._turn()
            self._look("create", under)
            if key in self._objects:
                raise Exists(self._name, "create", key)
            self._store("create", key, content)
            await self._turn()

    async def head(self, key: str) -> Stat:
        check_key(key)
        await self._turn()
        return Stat(len(self._find("head", key)))

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        check_prefix(prefix)
        await self._turn()
        last = start_after
        first = bisect_left(self._sorted, prefix)
        while True:
            # Looked up again each time: others write while the consumer holds an entry.
            at = max(first, bisect_right(self._sorted, last))
            if at >= len(self._sorted) or not self._sorted[at].startswith(prefix):
                return
            last = self._sorted[at]
            yield Entry(last, len(self._objects[last]))
            first = 0

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._turn()
        if self._objects.pop(key, None) is not None:
            del self._sorted[bisect_left(self._sorted, key)]
        await self._turn()

    async def close(self) -> None:
        """Nothing to release; what is stored stays for the next user of the instance."""

    async def _turn(self) -> None:
        if self._clock is not None:
            await self._clock.sleep(0)

    @contextmanager
    def _attested(self, verb: str, under: Marker | None) -> Iterator[None]:
        """Let the result of the block count only if the marker then is the one that the call is under."""
        if not self._attests:
            refuse_under(under)
        try:
            yield
        except ProviderError:
            self._look(verb, under)
            raise
        self._look(verb, under)

    def _look(self, verb: str, under: Marker | None) -> None:
        if under is None:
            return
        content = self._objects.get(MARKER_KEY)
        stranger = trouble.of_marker(under, None if content is None else decode_marker(content))
        if stranger is not None:
            raise Estranged(self._name, verb, stranger.what)

    def _find(self, verb: str, key: str) -> bytes:
        data = self._objects.get(key)
        if data is None:
            raise NotFound(self._name, verb, key)
        return data

    def _store(self, verb: str, key: str, data: bytes) -> None:
        if key not in self._objects:
            self._refuse_folder(verb, key)
            insort(self._sorted, key)
        self._objects[key] = data

    def _refuse_folder(self, verb: str, key: str) -> None:
        at = bisect_left(self._sorted, key + "/")
        folder = at < len(self._sorted) and self._sorted[at].startswith(key + "/")
        parts = key.split("/")
        if folder or any("/".join(parts[:n]) in self._objects for n in range(1, len(parts))):
            raise Unsupported(self._name, verb, f"{key}: a name cannot be an object and a folder")
