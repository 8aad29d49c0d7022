"""What the bytes of a journal are taken for: records, remains of unacknowledged writes, or dirt."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.providers.disk.frame import (
    FILE_BYTES,
    HEADER_BYTES,
    Gap,
    Header,
    Journal,
    JournalRecord,
    Kind,
    decode_header,
    encode_record,
    new_nonce,
    scan,
)

NONCE = b"\x9anonce!\x01"
START = FILE_BYTES


def record(slot: int, payload: bytes = b"payload", kind: Kind = Kind.CREATE) -> bytes:
    return encode_record(NONCE, kind, slot, 0, payload, 0, 0) + payload


def found(*parts: bytes) -> list[JournalRecord | Gap]:
    """What is in a journal of these parts after its header."""
    content = bytes(START) + b"".join(parts)
    return list(scan(lambda start, stop: content[start:stop], START, len(content), NONCE))


def slots(items: Sequence[JournalRecord | Gap]) -> list[int]:
    return [one.slot for one in items if isinstance(one, JournalRecord) and one.intact]


def is_dirty(items: Sequence[JournalRecord | Gap]) -> bool:
    return any(isinstance(one, Gap) and one.dirty for one in items)


def test_a_header_is_read_back_and_nothing_else_is_one() -> None:
    header = Header(Journal.SEGMENT, NONCE, 512)
    encoded = header.encode()
    assert len(encoded) == FILE_BYTES
    assert decode_header(encoded + b"more") == header
    assert decode_header(encoded[:-1]) is None
    for at in range(FILE_BYTES):
        damaged = bytearray(encoded)
        damaged[at] ^= 1
        assert decode_header(bytes(damaged)) is None


def test_records_are_read_back_one_after_another() -> None:
    items = found(record(1), record(2, b""), record(3, bytes(5000), Kind.PUT), record(4, b"", Kind.DELETE))
    assert slots(items) == [1, 2, 3, 4]
    assert [one.kind for one in items if isinstance(one, JournalRecord)] == [
        Kind.CREATE,
        Kind.CREATE,
        Kind.PUT,
        Kind.DELETE,
    ]
    assert items[-1].stop == START + 4 * HEADER_BYTES + 7 + 5000


@pytest.mark.parametrize("written", range(0, HEADER_BYTES + 60, 3))
@pytest.mark.parametrize("last", [True, False])
def test_a_write_that_was_cut_short_at_any_byte_means_nothing(written: int, last: bool) -> None:
    """A process was killed, or the disk was full; others go on behind it."""
    cut = record(2, b"x" * 60)[:written]
    items = found(record(1), cut, *([] if last else [record(3)]))
    assert slots(items) == ([1] if last else [1, 3])
    assert not is_dirty(items)
    assert len(slots(items)) == sum(isinstance(one, JournalRecord) for one in items)


@pytest.mark.parametrize("zeros", [1, 7, 511, 512, 4096, 10_000])
def test_zeros_mean_nothing_wherever_they_are(zeros: int) -> None:
    items = found(record(1), bytes(zeros), record(2), record(3)[:20], bytes(zeros), record(4), bytes(zeros))
    assert slots(items) == [1, 2, 4]
    assert not is_dirty(items)


@pytest.mark.parametrize("size", [600, 1024, 4500])
def test_a_payload_of_which_the_last_sectors_are_zeros_was_never_written_to_its_end(size: int) -> None:
    whole = record(2, b"x" * size)
    before = record(1)
    at = START + len(before)
    for sector in range(at // 512 + 1, (at + len(whole)) // 512):
        written = sector * 512 - at
        if written < HEADER_BYTES:
            continue
        items = found(before, whole[:written] + bytes(len(whole) - written), record(3))
        assert slots(items) == [1, 3]
        assert [type(one) for one in items] == [JournalRecord, Gap, JournalRecord]
        assert not is_dirty(items)


def test_a_payload_that_is_not_what_was_written_is_a_damaged_record() -> None:
    whole = bytearray(record(2, b"x" * 3000))
    for at in range(HEADER_BYTES, len(whole), 211):
        whole[at] ^= 1
        items = found(record(1), bytes(whole), record(3))
        assert slots(items) == [1, 3]
        damaged = items[1]
        assert isinstance(damaged, JournalRecord)
        assert (damaged.slot, damaged.intact) == (2, False)
        whole[at] ^= 1


def test_a_damaged_header_makes_the_journal_dirty_and_the_next_record_is_found() -> None:
    for at in range(HEADER_BYTES):
        damaged = bytearray(record(2, b"x" * 300))
        damaged[at] ^= 1
        items = found(record(1), bytes(damaged), record(3))
        assert slots(items) == [1, 3]
        assert is_dirty(items)


@pytest.mark.parametrize("dirt", [b"\1", b"garbage", b"x" * 5000, bytes(100) + b"\7" + bytes(100)])
@pytest.mark.parametrize("last", [True, False])
def test_bytes_that_can_be_nothing_of_ours_make_the_journal_dirty(dirt: bytes, last: bool) -> None:
    items = found(record(1), dirt, *([] if last else [record(3)]))
    assert slots(items) == ([1] if last else [1, 3])
    assert is_dirty(items)


def test_a_record_of_a_kind_that_is_not_known_makes_the_journal_dirty() -> None:
    later = encode_record(NONCE, 9, 2, 0, b"x", 0, 0) + b"x"  # type: ignore[arg-type]  # of a later version
    items = found(record(1), later, record(3))
    assert slots(items) == [1, 3]
    assert is_dirty(items)


def test_another_journals_records_are_dirt() -> None:
    other = encode_record(b"othernon", Kind.CREATE, 2, 0, b"x", 0, 0) + b"x"
    assert is_dirty(found(record(1), other))


def test_a_nonce_is_never_taken_for_bytes_without_content() -> None:
    assert 0 not in new_nonce(bytes(range(8)))


@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.binary(max_size=80)), min_size=1, max_size=6),
    st.data(),
)
def test_whatever_is_cut_between_records_the_others_are_found(
    written: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    parts: list[bytes] = []
    expected = []
    for slot, payload in written:
        whole = record(slot, payload)
        cut = data.draw(st.integers(0, len(whole) - 1))
        parts += [whole[:cut], whole] if data.draw(st.booleans()) else [whole]
        expected.append(slot)
    items = found(*parts)
    assert slots(items) == expected
    assert items[0].at == START
    assert all(one.stop == two.at for one, two in pairwise(items))


@given(st.binary(max_size=400))
def test_any_bytes_at_all_are_sorted_without_an_error_and_hide_no_record_after_them(content: bytes) -> None:
    items = found(content, record(5))
    assert 5 in slots(items) or isinstance(items[-1], JournalRecord)
