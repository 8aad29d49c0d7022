"""What is asked again and what is not, and that a writer never loses against itself."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from outlast.base.errors import (
    Cause,
    Denied,
    Exists,
    Full,
    NotFound,
    ProviderError,
    Unavailable,
)
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data, Entry
from outlast.providers.wrap.retry import Retry, attempts_max, retry_s_max
from outlast.testing.simulation import Simulation, simulate


class Stumbling(MemoryProvider):
    """Fails as `script` says, call by call: with that error, before or after the deed."""

    def __init__(self) -> None:
        super().__init__("p")
        self.script: list[tuple[ProviderError, bool]] = []
        self.calls = 0

    async def _stumble(self, deed: Callable[[], Awaitable[object]]) -> None:
        self.calls += 1
        if self.script:
            error, done = self.script.pop(0)
            if done:
                await deed()
            raise error

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        await self._stumble(lambda: MemoryProvider.put(self, key, data))
        await super().put(key, data, under)

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        await self._stumble(lambda: MemoryProvider.create(self, key, data))
        await super().create(key, data, under)

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        self.calls += 1
        async for entry in super().list(prefix, start_after):
            if self.script and entry.key == "c":
                raise self.script.pop(0)[0]
            yield entry


def error(cause: Cause) -> Unavailable:
    return Unavailable("p", "put", "", cause)


def run(main: Callable[[Simulation, Stumbling, Retry], Awaitable[None]]) -> None:
    async def begin(sim: Simulation) -> None:
        inner = Stumbling()
        await main(sim, inner, Retry(inner, sim.clock, sim.entropy))

    simulate(1, begin)


@pytest.mark.parametrize("cause", [Cause.THROTTLED, Cause.SERVER, Cause.RESET, Cause.CONFLICT])
def test_what_passes_by_itself_is_asked_again_after_a_pause(cause: Cause) -> None:
    async def main(sim: Simulation, inner: Stumbling, retry: Retry) -> None:
        inner.script = [(error(cause), False)] * 2
        began = sim.clock.monotonic()
        await retry.put("a", b"x")
        assert inner.calls == 3
        assert 0.05 < sim.clock.monotonic() - began < retry_s_max

    run(main)


@pytest.mark.parametrize(
    "failure",
    [
        *map(error, (Cause.TIMEOUT, Cause.REFUSED, Cause.DNS, Cause.TLS, Cause.MISSING, Cause.UNKNOWN)),
        Denied("p", "put"),
        Full("p", "put"),
    ],
)
def test_nothing_else_is_asked_again(failure: ProviderError) -> None:
    async def main(sim: Simulation, inner: Stumbling, retry: Retry) -> None:
        inner.script = [(failure, False)]
        for call in (retry.put("a", b"x"), retry.create("b", b"x")):
            inner.script = [(failure, False)]
            with pytest.raises(type(failure)) as raised:
                await call
            assert raised.value is failure
        assert inner.calls == 2
        assert sim.clock.monotonic() == 0

    run(main)


def test_it_gives_up_after_a_few_attempts_and_within_the_guards_deadline() -> None:
    async def main(sim: Simulation, inner: Stumbling, retry: Retry) -> None:
        inner.script = [(error(Cause.THROTTLED), False)] * 10
        with pytest.raises(Unavailable):
            await retry.put("a", b"x")
        assert inner.calls == attempts_max
        assert sim.clock.monotonic() < retry_s_max

    run(main)


@pytest.mark.parametrize("cause", [Cause.SERVER, Cause.RESET, Cause.THROTTLED])
def test_a_create_that_happened_without_an_answer_wins_against_itself(cause: Cause) -> None:
    async def main(sim: Simulation, inner: Stumbling, retry: Retry) -> None:
        inner.script = [(error(cause), True)]
        await retry.create("a", [b"my ", b"nonce"])
        assert await inner.get("a") == b"my nonce"

    run(main)


def test_a_create_that_another_overtook_is_lost() -> None:
    async def main(sim: Simulation, inner: Stumbling, retry: Retry) -> None:
        await MemoryProvider.put(inner, "a", b"another's")
        inner.script = [(error(Cause.RESET), False)]
        with pytest.raises(Exists):
            await retry.create("a", b"mine")
        assert await inner.get("a") == b"another's"

    run(main)


def test_an_object_that_was_there_before_is_never_taken_for_ones_own() -> None:
    """Without a failed attempt before, `Exists` is believed even if the contents are the same."""

    async def main(sim: Simulation, inner: Stumbling, retry: Retry) -> None:
        await MemoryProvider.put(inner, "a", b"same")
        with pytest.raises(Exists):
            await retry.create("a", b"same")
        # Nor after two writes met: then the first attempt was certainly not done.
        inner.script = [(error(Cause.CONFLICT), False)]
        with pytest.raises(Exists):
            await retry.create("a", b"same")

    run(main)


def test_a_create_whose_object_has_gone_again_is_lost() -> None:
    async def main(sim: Simulation, inner: Stumbling, retry: Retry) -> None:
        inner.script = [(error(Cause.RESET), False), (Exists("p", "create", "a"), False)]
        with pytest.raises(Exists):
            await retry.create("a", b"mine")
        with pytest.raises(NotFound):
            await inner.get("a")

    run(main)


def test_a_listing_goes_on_after_the_last_name_that_it_gave() -> None:
    async def main(sim: Simulation, inner: Stumbling, retry: Retry) -> None:
        for key in "abcde":
            await MemoryProvider.put(inner, key, b"")
        inner.calls = 0
        inner.script = [(error(Cause.RESET), False)] * 2
        assert [entry.key async for entry in retry.list("")] == list("abcde")
        assert inner.calls == 3
        inner.script = [(error(Cause.RESET), False)] * 9
        with pytest.raises(Unavailable):
            [entry async for entry in retry.list("")]

    run(main)
