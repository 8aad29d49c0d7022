"""Stub until the providers' branch is merged: reads the marker beside each operation."""

from outlast.base.clock import Clock
from outlast.base.errors import Cause, Estranged, NotFound, Unavailable
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.protocol import Data, Provider


class Attest:
    """See the contract."""

    attests = False

    def __init__(self, inner: Provider, marker: Marker, clock: Clock) -> None:
        self.inner = inner
        self.name = inner.name
        self.marker = marker
        self._clock = clock
        self.attested_at = float("-inf")

    @property
    def incarnation(self) -> bytes:
        return self.marker.incarnation

    def expect(self, incarnation: bytes) -> None:
        self.marker = Marker(self.marker.store, self.marker.provider, incarnation)

    async def attest(self, since: float) -> None:
        began = self._clock.monotonic()
        try:
            content = await self.inner.get(MARKER_KEY)
            marker = Marker.decode(content)
        except NotFound as error:
            raise Estranged(self.name, "vote", "its marker is gone: erased or not mounted") from error
        except ValueError as error:
            raise Unavailable(self.name, "vote", f"its marker: {error}", Cause.CORRUPT) from error
        if marker != self.marker:
            raise Estranged(self.name, "vote", "its marker is not the one expected: swapped or an old copy")
        self.attested_at = began

    async def get(self, key: str, span: tuple[int, int] | None = None) -> bytes:
        return await self.inner.get(key, span)

    async def create(self, key: str, data: Data) -> None:
        await self.inner.create(key, data)

    async def put(self, key: str, data: Data) -> None:
        await self.inner.put(key, data)
