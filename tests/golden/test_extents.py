"""Extents as they were first written: read back, and written anew to the same bytes."""

import hashlib
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.coding import reference

from outlast.base.entropy import SeededEntropy
from outlast.coding.extent import ExtentDecoder, ExtentEncoder, fragment_key
from outlast.coding.keys import Keyring, MasterKey
from outlast.coding.seal import Box, unwrap_key

MIB = 1 << 20
SAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "extents.json").read_text())
SHORT = [sample for sample in SAMPLES if "fragments" in sample]


def content(size: int) -> bytes:
    return bytes((31 * i + i // 256) % 256 for i in range(size))


def hexed(sample: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(sample[name]) for name in names]


def label(sample: dict[str, Any]) -> str:
    return f"{sample['size']} bytes {sample['k']}+{sample['m']}"


def encoded(sample: dict[str, Any]) -> list[bytes]:
    data = content(sample["size"])
    encoder = ExtentEncoder(*hexed(sample, "store", "extent", "data_key"), sample["k"], sample["m"])
    for at in range(0, len(data), MIB):
        encoder.add(data[at : at + MIB])
    return [b"".join(fragment) for fragment in encoder.fragments]


@pytest.mark.parametrize("sample", SAMPLES, ids=label)
def test_extents_are_written_to_the_same_bytes_as_ever(sample: dict[str, Any]) -> None:
    fragments = encoded(sample)
    if "fragments" in sample:
        assert [fragment.hex() for fragment in fragments] == sample["fragments"]
    else:
        assert [hashlib.sha256(f).hexdigest() for f in fragments] == sample["fragments_sha256"]


@pytest.mark.parametrize("sample", SHORT, ids=label)
def test_extents_are_read_back_from_any_k_fragments(sample: dict[str, Any]) -> None:
    store, extent, key = hexed(sample, "store", "extent", "data_key")
    decoder = ExtentDecoder(store, extent, sample["size"], key, sample["k"], sample["m"])
    for chosen in combinations(range(sample["k"] + sample["m"]), sample["k"]):
        parts = {index: bytes.fromhex(sample["fragments"][index]) for index in chosen}
        assert decoder.decode(range(1), parts) == [content(sample["size"])]


@pytest.mark.parametrize("sample", SAMPLES, ids=label)
def test_names_and_wrapped_keys_are_read_as_ever(sample: dict[str, Any]) -> None:
    store, extent, key, wrapped = hexed(sample, "store", "extent", "data_key", "wrapped_key")
    assert sample["names"] == [fragment_key(extent, i) for i in range(sample["k"] + sample["m"])]
    box = Box(Keyring(MasterKey(bytes(range(32))), store).extents, SeededEntropy(0))
    assert unwrap_key(box, wrapped, extent, sample["size"], sample["k"], sample["m"]) == key


def opened_by_the_book(sample: dict[str, Any], fragments: dict[int, bytes]) -> bytes:
    """The plaintext by the specification alone."""
    store, extent, key = hexed(sample, "store", "extent", "data_key")
    stripes: Sequence[bytes] = reference.sealed_stripes(fragments, extent, sample["size"], sample["k"])
    aad = b"outlast/1/stripe" + store + extent
    return b"".join(
        AESGCM(key).decrypt(number.to_bytes(12, "big"), stripe, aad + number.to_bytes(4, "big"))
        for number, stripe in enumerate(stripes)
    )


@pytest.mark.parametrize("sample", SHORT, ids=label)
def test_the_specification_is_enough_to_read_an_extent_from_any_k_fragments(sample: dict[str, Any]) -> None:
    for chosen in combinations(range(sample["k"] + sample["m"]), sample["k"]):
        fragments = {index: bytes.fromhex(sample["fragments"][index]) for index in chosen}
        assert opened_by_the_book(sample, fragments) == content(sample["size"])


@pytest.mark.slow
def test_the_specification_is_enough_to_read_an_extent_of_several_stripes() -> None:
    (sample,) = (sample for sample in SAMPLES if sample["size"] > MIB)
    fragments = dict(enumerate(encoded(sample)))
    del fragments[0], fragments[3]
    assert opened_by_the_book(sample, fragments) == content(sample["size"])
