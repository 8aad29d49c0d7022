"""The proof of `providers.protocol`: what every provider must do, as a class of pytest tests.

A provider's test module subclasses `ProviderConformance` and defines the fixture `provider`, an empty and
usable one, new for each test:

    class TestMyProvider(ProviderConformance):
        @pytest.fixture
        async def provider(self):
            one = MyProvider(...)
            yield one
            await one.close()

A provider without conditional writes sets `conditional = False`; it must then raise `Unsupported` for
them. pytest must be run with pytest-asyncio in its mode `auto`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from outlast.base import limits
from outlast.base.errors import Estranged, Exists, NotFound, ProviderError, Unsupported
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.protocol import Buffer, Provider

bad_names = (
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "./a",
    ".hidden",
    "a/.hidden",
    "a b",
    "a\\b",
    "a\0b",
    "a\n",
    "ä",
    "a?b",
    "a" * 201,
    "/".join(["a" * 100] * 6),
)

# In the order of names, which is not the order of folders: `-` and `.` sort before `/`, `0` after it.
tricky_names = (
    "0-first",
    "a-b",
    "a.b",
    "a/b-",
    "a/b/c",
    "a/b/d.e",
    "a/b0",
    "a/c",
    "a0",
    "b",
    "c/d/e/f",
    "c/d/e0",
    "c0/d",
)

one_of_each = ("x/ab/one", "log/main/00000000000001ff.1")
"""An object, and a state of a slot, which a provider may store differently."""

racers = 32

ours = Marker(b"s" * 16, "p", b"i" * 16)
strangers = (
    None,
    b"",
    b"{}",
    ours.encode()[:-20],
    Marker(b"t" * 16, "p", b"i" * 16).encode(),
    Marker(b"s" * 16, "q", b"i" * 16).encode(),
    Marker(b"s" * 16, "p", b"j" * 16).encode(),
)
"""Contents of a marker that is not `ours`; None is a missing marker."""


class ProviderConformance:
    """See the module's docstring."""

    conditional = True
    """Whether the provider can `create`."""

    # ------------------------------------------------------------ whole objects

    @pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 16, b"\0" * (5 * limits.MIB + 1)])
    @pytest.mark.parametrize("key", one_of_each)
    async def test_get_returns_what_put_wrote(self, provider: Provider, key: str, content: bytes) -> None:
        await provider.put(key, content)
        assert await provider.get(key) == content
        assert (await provider.head(key)).size == len(content)

    async def test_get_returns_bytes(self, provider: Provider) -> None:
        await provider.put("one", b"12345")
        assert isinstance(await provider.get("one"), bytes)
        assert isinstance(await provider.get("one", (1, 3)), bytes)

    @pytest.mark.parametrize("key", one_of_each)
    async def test_put_overwrites(self, provider: Provider, key: str) -> None:
        await provider.put(key, b"a longer one")
        await provider.put(key, b"short")
        assert await provider.get(key) == b"short"
        assert (await provider.head(key)).size == 5

    @pytest.mark.parametrize("key", one_of_each)
    async def test_several_buffers_are_written_one_after_another(self, provider: Provider, key: str) -> None:
        buffers: list[Buffer] = [b"", b"one ", bytearray(b"two "), memoryview(b"-three-")[1:6], b"", b" four"]
        await provider.put(key, buffers)
        assert await provider.get(key) == b"one two three four"

    async def test_many_and_large_buffers_are_written_whole(self, provider: Provider) -> None:
        buffers: list[Buffer] = [bytes([number % 251]) * (number % 7) for number in range(5000)]
        buffers += [b"l" * limits.MIB, b"m" * (3 * limits.MIB + 7)]
        await provider.put("one", buffers)
        assert await provider.get("one") == b"".join(buffers)

    @pytest.mark.parametrize("key", one_of_each)
    async def test_no_buffers_make_an_empty_object(self, provider: Provider, key: str) -> None:
        await provider.put(key, ())
        assert await provider.get(key) == b""

    @pytest.mark.parametrize("key", one_of_each)
    async def test_a_ranged_get_returns_that_part_and_stops_at_the_end(
        self, provider: Provider, key: str
    ) -> None:
        content = b"0123456789"
        await provider.put(key, content)
        for start, stop in ((0, 0), (0, 1), (0, 10), (3, 7), (9, 10), (10, 10), (7, 99), (50, 1 << 40)):
            assert await provider.get(key, (start, stop)) == content[start:stop]

    @pytest.mark.parametrize("key", one_of_each)
    async def test_a_span_that_is_none_is_a_bug(self, provider: Provider, key: str) -> None:
        await provider.put(key, b"0123456789")
        for span in ((-1, 3), (3, 2), (-5, -1)):
            with pytest.raises(ValueError, match="span"):
                await provider.get(key, span)

    async def test_what_is_not_there_is_not_found(self, provider: Provider) -> None:
        await provider.put("a/b", b"")
        for key in ("other", "a/c", "a", "no/such/folder"):
            with pytest.raises(NotFound) as raised:
                await provider.get(key)
            assert (raised.value.provider, raised.value.verb) == (provider.name, "get")
            with pytest.raises(NotFound):
                await provider.get(key, (0, 1))
            with pytest.raises(NotFound):
                await provider.head(key)

    # ------------------------------------------------------------ names

    async def test_a_name_that_some_provider_would_not_take_is_a_bug(self, provider: Provider) -> None:
        for key in bad_names:
            for call in (
                provider.get(key),
                provider.head(key),
                provider.put(key, b""),
                provider.create(key, b""),
                provider.delete(key),
            ):
                with pytest.raises(ValueError, match="name"):
                    await call
        assert await _names(provider, "") == []

    async def test_the_longest_name_can_be_written_read_and_listed(self, provider: Provider) -> None:
        key = "/".join(["a" * 170, "b" * 170, "c" * 170])
        assert len(key) == limits.provider_key_bytes_max
        await provider.put(key, b"x")
        assert await provider.get(key) == b"x"
        assert await _names(provider, "a") == [key]

    # ------------------------------------------------------------ deleting

    async def test_delete_removes(self, provider: Provider) -> None:
        await provider.put("a/b", b"x")
        await provider.put("a/c", b"y")
        await provider.delete("a/b")
        with pytest.raises(NotFound):
            await provider.get("a/b")
        assert await _names(provider, "a/") == ["a/c"]

    async def test_deleting_what_is_not_there_is_no_error(self, provider: Provider) -> None:
        await provider.put("a/b", b"x")
        for key in ("a/b", "a/b", "never", "no/such/folder", "a"):
            await provider.delete(key)

    @pytest.mark.parametrize("key", one_of_each)
    async def test_what_was_deleted_can_be_written_again(self, provider: Provider, key: str) -> None:
        await provider.put(key, b"x")
        await provider.delete(key)
        await provider.put(key, b"y")
        assert await provider.get(key) == b"y"

    # ------------------------------------------------------------ conditions

    @pytest.mark.parametrize("key", one_of_each)
    async def test_create_writes_what_is_absent_and_only_that(self, provider: Provider, key: str) -> None:
        self._needs_conditions()
        await provider.create(key, [b"on", b"e"])
        with pytest.raises(Exists):
            await provider.create(key, b"two")
        assert await provider.get(key) == b"one"
        await provider.delete(key)
        await provider.create(key, b"three")
        assert await provider.get(key) == b"three"

    @pytest.mark.parametrize("key", one_of_each)
    async def test_create_does_not_overwrite_what_put_wrote(self, provider: Provider, key: str) -> None:
        self._needs_conditions()
        await provider.put(key, b"put")
        with pytest.raises(Exists):
            await provider.create(key, b"create")
        assert await provider.get(key) == b"put"

    async def test_a_provider_without_conditions_says_so(self, provider: Provider) -> None:
        if self.conditional:
            return
        with pytest.raises(Unsupported):
            await provider.create("one", b"")

    # ------------------------------------------------------------ attestation

    async def test_under_the_marker_that_is_there_everything_is_as_without(self, provider: Provider) -> None:
        self._needs_attestation(provider)
        await provider.put(MARKER_KEY, ours.encode())
        await provider.put("a/b", b"put", ours)
        assert await provider.get("a/b", None, ours) == b"put"
        assert await provider.get("a/b", (1, 2), ours) == b"u"
        await provider.put("a/b", b"over", ours)
        assert await provider.get("a/b", None, ours) == b"over"
        await provider.create("a/c", b"created", ours)
        with pytest.raises(Exists):
            await provider.create("a/c", b"again", ours)
        with pytest.raises(NotFound):
            await provider.get("a/d", None, ours)

    @pytest.mark.parametrize("content", strangers)
    async def test_under_a_marker_that_is_not_there_nothing_is_done_or_told(
        self, provider: Provider, content: bytes | None
    ) -> None:
        self._needs_attestation(provider)
        if content is not None:
            await provider.put(MARKER_KEY, content)
        await provider.put("a/b", b"old")
        before = await _names(provider, "")
        for call in (
            provider.get("a/b", None, ours),
            provider.get("no/such", None, ours),
            provider.put("a/b", b"new", ours),
            provider.put("new/put", b"new", ours),
            provider.create("a/b", b"new", ours),
            provider.create("new/create", b"new", ours),
        ):
            with pytest.raises(Estranged):
                await call
        assert await _names(provider, "") == before
        assert await provider.get("a/b") == b"old"

    async def test_a_provider_that_cannot_attest_says_so(self, provider: Provider) -> None:
        if provider.attests:
            return
        for call in (
            provider.get("a", None, ours),
            provider.put("a", b"", ours),
            provider.create("a", b"", ours),
        ):
            with pytest.raises(ValueError, match="marker"):
                await call

    # ------------------------------------------------------------ listing

    async def test_names_are_listed_in_their_order_with_sizes(self, provider: Provider) -> None:
        for size, key in enumerate(reversed(tricky_names)):
            await provider.put(key, b"x" * size)
        listed = [(entry.key, entry.size) async for entry in provider.list("")]
        assert listed == [(key, len(tricky_names) - 1 - at) for at, key in enumerate(tricky_names)]

    async def test_a_listing_has_exactly_the_names_with_the_prefix(self, provider: Provider) -> None:
        await _write_all(provider)
        for prefix in ("", "a", "a/", "a/b", "a/b/", "a/b/d", "a/b/d.e", "c", "c/d/e", "d", "a/x/"):
            assert await _names(provider, prefix) == [key for key in tricky_names if key.startswith(prefix)]

    async def test_a_listing_begins_after_the_name_given(self, provider: Provider) -> None:
        await _write_all(provider)
        for prefix in ("", "a", "a/"):
            for start_after in (*tricky_names, "0", "a", "a/", "a/b", "a/b/", "a/b/z", "b/", "z"):
                expected = [key for key in tricky_names if key.startswith(prefix) and key > start_after]
                assert await _names(provider, prefix, start_after) == expected

    async def test_a_prefix_that_no_name_can_have_is_a_bug(self, provider: Provider) -> None:
        for prefix in ("/", "..", "../", "a/../", ".", "a//", "a b"):
            with pytest.raises(ValueError, match="name"):
                await _names(provider, prefix)

    async def test_long_listings_are_complete_and_can_be_resumed(self, provider: Provider) -> None:
        keys = [f"log/main/{number:016x}" for number in range(0, 2400, 2)]
        await _write_all(provider, keys)
        assert await _names(provider, "log/main/") == keys
        assert await _names(provider, "log/main/", f"log/main/{1001:016x}") == keys[501:]

    async def test_the_states_of_slots_are_listed_among_all_names_in_their_order(
        self, provider: Provider
    ) -> None:
        states = [
            f"log/main/{slot:016x}{place}"
            for slot in (0, 1, 0x2A, 0x100, 0xFFFF)
            for place in ("", ".1", ".10", ".2")
        ]
        others = ["log/main/0", "log/main/0000000000000000-", "log/main/x", "log/a", "log/z", "a", "m", "z/z"]
        await _write_all(provider, [*reversed(states), *others])
        expected = sorted([*states, *others])
        assert await _names(provider, "") == expected
        for prefix in ("log/", "log/main/0000000000000", "log/main/000000000000002a", "log/main/x", "m"):
            assert await _names(provider, prefix) == [key for key in expected if key.startswith(prefix)]
        for start_after in (states[2], states[-1], "log/main/0000000000000050", "log/b"):
            after = [key for key in expected if key > start_after]
            assert await _names(provider, "", start_after) == after

    async def test_what_is_there_all_the_time_is_listed_once_whatever_others_do(
        self, provider: Provider
    ) -> None:
        kept = [f"k/{number:04d}" for number in range(0, 1200, 2)]
        await _write_all(provider, kept)
        listed = []
        async for entry in provider.list("k/"):
            listed.append(entry.key)
            if len(listed) % 100 == 0:
                await provider.put(f"k/{len(listed) + 301:04d}", b"")
                await provider.delete(f"k/{len(listed) - 99:04d}")
        assert [key for key in listed if key in set(kept)] == kept
        assert len(set(listed)) == len(listed)

    # ------------------------------------------------------------ races

    async def test_of_many_creators_one_wins_and_its_content_is_there(self, provider: Provider) -> None:
        self._needs_conditions()
        for number in range(5):
            key = f"log/main/{number:016x}" if number % 2 else f"race/{number}"
            won = await _race([_writer(provider.create, key, f"{racer}".encode()) for racer in range(racers)])
            assert len(won) == 1
            assert await provider.get(key) == b"%d" % won[0]

    @pytest.mark.parametrize("key", one_of_each)
    async def test_a_get_sees_one_write_whole(self, provider: Provider, key: str) -> None:
        contents = [bytes([number]) * (100_000 + number * 1000) for number in range(8)]
        await provider.put(key, contents[0])
        seen = set()

        async def read() -> None:
            for _ in range(20):
                data = await provider.get(key)
                assert data in contents
                seen.add(data[:1])

        async def write(content: bytes) -> None:
            for _ in range(5):
                await provider.put(key, content)

        await asyncio.gather(*(write(content) for content in contents), *(read() for _ in range(4)))
        assert seen

    async def test_a_cancelled_call_leaves_the_old_object_or_the_new_one(self, provider: Provider) -> None:
        for number in range(20):
            key = f"k/{number}"
            await provider.put(key, b"old")
            task = asyncio.ensure_future(provider.put(key, b"new" * 1000))
            await asyncio.wait([task], timeout=0.0001 * number)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await provider.get(key) in (b"old", b"new" * 1000)

    # ------------------------------------------------------------ pieces

    def _needs_attestation(self, provider: Provider) -> None:
        if not provider.attests:
            pytest.skip("the provider does not look at its marker itself")

    def _needs_conditions(self) -> None:
        if not self.conditional:
            pytest.skip("the provider has no conditional writes")


async def _write_all(provider: Provider, keys: Sequence[str] = tricky_names) -> None:
    for start in range(0, len(keys), 64):
        await asyncio.gather(*(provider.put(key, b"x") for key in keys[start : start + 64]))


async def _names(provider: Provider, prefix: str, start_after: str = "") -> list[str]:
    return [entry.key async for entry in provider.list(prefix, start_after)]


def _writer(write: Callable[..., Awaitable[None]], *arguments: object) -> Callable[[], Awaitable[bool]]:
    """Return a racer, which returns whether its write won. Losing must raise `Exists`, nothing else."""

    async def racer() -> bool:
        try:
            await write(*arguments)
        except Exists:
            return False
        return True

    return racer


async def _race(writers: list[Callable[[], Awaitable[bool]]]) -> list[int]:
    """Return which of the writers, all started at once, won."""
    start = asyncio.Event()

    async def racer(write: Callable[[], Awaitable[bool]]) -> bool | ProviderError:
        await start.wait()
        return await write()

    tasks = [asyncio.ensure_future(racer(write)) for write in writers]
    start.set()
    won = await asyncio.gather(*tasks)
    return [number for number, it_won in enumerate(won) if it_won]
