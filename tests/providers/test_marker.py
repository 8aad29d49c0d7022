"""The marker tells a provider of ours from an empty place, another store's, and a damaged one."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.base.errors import ConfigError, Unsupported
from outlast.providers.marker import (
    MARKER_KEY,
    Damaged,
    Marker,
    decode_marker,
    read_marker,
    write_marker,
)
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data
from outlast.providers.wrap.fault import FaultProvider, Shape

marker = Marker(bytes(range(16)), "home", bytes(range(16, 32)))

golden = b"""{
 "outlast": 1,
 "store": "000102030405060708090a0b0c0d0e0f",
 "provider": "home",
 "incarnation": "101112131415161718191a1b1c1d1e1f",
 "check": "f1a3edc257a54abf"
}
"""


def test_a_marker_is_written_in_this_form_for_ever() -> None:
    assert marker.encode() == golden
    assert decode_marker(golden) == marker


@given(st.binary(min_size=16, max_size=16), st.text(max_size=50), st.binary(min_size=16, max_size=16))
def test_what_was_encoded_is_decoded(store: bytes, provider: str, incarnation: bytes) -> None:
    one = Marker(store, provider, incarnation)
    assert decode_marker(one.encode()) == one


@given(st.integers(0, len(golden) - 1), st.integers(1, 255))
def test_a_flipped_byte_never_makes_another_marker(at: int, flip: int) -> None:
    damaged = bytearray(golden)
    damaged[at] ^= flip
    assert decode_marker(bytes(damaged)) in (marker, Damaged("damaged"))


@given(st.binary(max_size=200))
def test_what_is_no_marker_is_told_so(content: bytes) -> None:
    assert isinstance(decode_marker(content), Damaged)


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b"1", b'{"outlast": 2}', b'{"outlast": 1}', b"null", b"[" * 100_000, b'"a"']
)
def test_json_that_is_no_marker_is_told_so(content: bytes) -> None:
    assert isinstance(decode_marker(content), Damaged)


async def test_the_marker_is_the_first_name_of_all() -> None:
    provider = MemoryProvider("home")
    await write_marker(provider, marker)
    for key in ("log/main/0000000000000000", "x/00/00.00", "probe/0", "A", "1"):
        await provider.put(key, b"")
    names = [entry.key async for entry in provider.list("")]
    assert names[0] == MARKER_KEY


async def test_an_unclaimed_provider_has_none() -> None:
    assert await read_marker(MemoryProvider("home")) is None


async def test_claiming_twice_for_the_same_is_no_error() -> None:
    provider = MemoryProvider("home")
    await write_marker(provider, marker)
    await write_marker(provider, marker)
    assert await read_marker(provider) == marker


@pytest.mark.parametrize("change", [{"store": bytes(16)}, {"provider": "other"}, {"incarnation": bytes(16)}])
async def test_a_provider_that_is_claimed_otherwise_is_refused_by_name(
    change: dict[str, bytes | str],
) -> None:
    provider = MemoryProvider("home")
    await write_marker(provider, marker)
    with pytest.raises(ConfigError, match=marker.store.hex()) as raised:
        await write_marker(provider, replace(marker, **change))
    assert raised.value.remedy
    assert await read_marker(provider) == marker


async def test_a_provider_that_cannot_create_is_claimed_too() -> None:
    class DataOnly(MemoryProvider):
        async def create(self, key: str, data: Data, under: Marker | None = None) -> str:
            raise Unsupported(self.name, "create")

    provider = DataOnly("home")
    await write_marker(provider, marker)
    await write_marker(provider, marker)
    with pytest.raises(ConfigError):
        await write_marker(provider, replace(marker, store=bytes(16)))
    assert await read_marker(provider) == marker


def test_a_marker_of_a_later_version_is_not_taken_for_a_damaged_one() -> None:
    fields = {"outlast": 2, "something": "new"}
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    check = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    found = decode_marker(json.dumps({**fields, "check": check}).encode())
    assert isinstance(found, Damaged)
    assert found.later


async def test_a_damaged_marker_is_neither_a_stranger_nor_absent() -> None:
    fault = FaultProvider(MemoryProvider("home"), SystemClock(), SeededEntropy(3))
    await write_marker(fault, marker)
    fault.shape = Shape.CORRUPT
    for _ in range(100):
        assert isinstance(await read_marker(fault), Damaged)
    fault.shape = None
    await fault.put(MARKER_KEY, b"")
    with pytest.raises(ConfigError, match="its marker is empty"):
        await write_marker(fault, marker)
