"""Journals as they were first written, read from docs/internals/formats/disk-log.md alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.base.errors import NotFound, Unavailable
from outlast.providers.disk import appends
from outlast.providers.disk.system import System
from outlast.providers.disk.tree import Tree

HERE = Path(__file__).parent
GOLDEN: dict[str, Any] = json.loads((HERE / "disk-log.json").read_text())
SEGMENTS: list[dict[str, Any]] = GOLDEN["segments"]


# ---------------------------------------------------------------- the second reader


def crc32c(content: bytes) -> int:
    """CRC-32C (Castagnoli), bit by bit."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def number(content: bytes) -> int:
    return int.from_bytes(content, "big")


class Reader:
    """A journal's `states`: content by (slot, n), None for damaged ones; and whether it is `dirty`."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        assert content[:9] == b"OUTLASTJ\x01"
        assert number(content[32:36]) == crc32c(content[:32])
        self.is_list = content[9] == 2
        self.nonce = content[16:24]
        self.first = number(content[24:32])
        self.dirty = False
        self.ends: list[int] = []
        self.states: dict[tuple[int, int], bytes | None] = {}
        at = 36
        while at < len(content):
            at = self.take(at)

    def is_header(self, at: int) -> bool:
        header = self.content[at : at + 45]
        return (
            len(header) == 45
            and header[:8] == self.nonce
            and 1 <= header[8] <= 4
            and number(header[41:45]) == crc32c(header[:41])
        )

    def next_header(self, start: int, stop: int) -> int | None:
        return next((at for at in range(start, stop) if self.is_header(at)), None)

    def take(self, at: int) -> int:
        """What begins at `at`; where it ends."""
        if not self.is_header(at):
            end = self.next_header(at + 1, len(self.content)) or len(self.content)
            self.dirty |= not self.is_remains(self.content[at:end])
            return end
        size = number(self.content[at + 21 : at + 25])
        start, stop = at + 45, at + 45 + size
        if stop > len(self.content):
            return self.next_header(at + 1, len(self.content)) or len(self.content)
        payload = self.content[start:stop]
        intact = crc32c(payload) == number(self.content[at + 25 : at + 29])
        if not intact:
            cut = self.next_header(start, stop)
            if cut is not None:
                return cut
            if any(not any(self.content[begin:stop]) for begin in self.beginnings(start, stop)):
                return stop
        known, records = number(self.content[at + 29 : at + 37]), number(self.content[at + 37 : at + 41])
        self.dirty |= known > at or sum(end <= known for end in self.ends) < records
        self.ends.append(stop)
        self.apply(at, payload if intact else None)
        return stop

    def beginnings(self, start: int, stop: int) -> Iterator[int]:
        yield start
        yield from (at for at in range(start + 1, stop) if at % 512 == 0)

    def is_remains(self, content: bytes) -> bool:
        first, *others = content.split(self.nonce)
        return self.nonce.startswith(first.strip(b"\0")) and all(
            len(self.nonce + other.rstrip(b"\0")) < 45 for other in others
        )

    def apply(self, at: int, payload: bytes | None) -> None:
        kind = self.content[at + 8]
        state = number(self.content[at + 9 : at + 17]), number(self.content[at + 17 : at + 21])
        if kind in (1, 4):
            self.states.setdefault(state, payload)
        elif kind == 2:
            self.states[state] = payload
        else:
            self.states.pop(state, None)


def name(state: tuple[int, int]) -> str:
    return f"log/main/{state[0]:016x}" + (f".{state[1]}" if state[1] else "")


# ---------------------------------------------------------------- tests


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment["what"])
def test_segments_are_read_by_the_specification(segment: dict[str, Any]) -> None:
    reader = Reader(bytes.fromhex("".join(segment["bytes"])))
    assert not reader.is_list
    assert reader.first == segment["first"]
    assert reader.dirty == segment["dirty"]
    read = {
        name(state): None if content is None else content.hex() for state, content in reader.states.items()
    }
    assert read == segment["states"]


def test_the_list_is_read_by_the_specification() -> None:
    reader = Reader(bytes.fromhex("".join(GOLDEN["list"]["bytes"])))
    assert reader.is_list and not reader.dirty
    named = {f"{first:016x}": nonce.hex() for (first, _), nonce in reader.states.items() if nonce is not None}
    assert named == GOLDEN["list"]["segments"]
    assert reader.nonce.hex() == GOLDEN["list"]["nonce"]


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment["what"])
def test_segments_written_long_ago_are_read_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment: dict[str, Any]
) -> None:
    monkeypatch.setattr(appends, "is_local", lambda path: True)
    folder = tmp_path / "log/main"
    folder.mkdir(parents=True)
    (folder / f"{segment['first']:016x}.journal").write_bytes(bytes.fromhex("".join(segment["bytes"])))
    tree = Tree(System(), "disk", str(tmp_path), SystemClock(), SeededEntropy(0))
    for key, content in segment["states"].items():
        if content is None:
            with pytest.raises(Unavailable):
                tree.get(key, None, None)
        else:
            assert tree.get(key, None, None) == bytes.fromhex(content)
    with pytest.raises(Unavailable if segment["dirty"] else (NotFound, FileNotFoundError)):
        tree.get(f"log/main/{segment['first'] + 255:016x}.9", None, None)
