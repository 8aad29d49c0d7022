"""The windows of a read cover exactly what was asked for, in order, and no stripe twice."""

from hypothesis import given
from hypothesis import strategies as st

from outlast.base.limits import MIB
from outlast.catalog.content import Content, Found, Inline, Piece, Reference
from outlast.catalog.records import Attributes, Extent, Version
from outlast.store.windows import Stretch, first_window, is_empty, memory_bytes, split, stretches

extents = st.builds(
    lambda size, id: Extent(id.to_bytes(16, "big"), size, b"", 2, 1, ("a", "b", "c")),
    st.integers(1, 16 * MIB),
    st.integers(0, 1000),
)


@st.composite
def pieces(draw: st.DrawFn) -> Inline | Piece:
    if draw(st.booleans()):
        return Inline(draw(st.binary(min_size=1, max_size=20)))
    extent = draw(extents)
    start = draw(st.integers(0, extent.size - 1))
    return Piece(extent, start, draw(st.integers(1, extent.size - start)))


@given(st.lists(pieces(), min_size=1, max_size=6), st.integers(0, MIB), st.data())
def test_stretches_are_the_span(content: list[Inline | Piece], offset: int, data: st.DataObject) -> None:
    whole: Content = tuple(content)
    size = sum(piece.length for piece in whole)
    start = offset + data.draw(st.integers(0, size))
    stop = data.draw(st.integers(start, offset + size))
    parts = tuple(
        piece.data if isinstance(piece, Inline) else Reference(row, piece.start, piece.length)
        for row, piece in enumerate(whole)
    )
    rows = [piece if isinstance(piece, Inline) else piece.extent for piece in whole]
    found = Found(Version(b"", "", size, 0, Attributes()), parts, offset, rows.__getitem__)  # type: ignore[arg-type]
    got = list(stretches(found, start, stop))
    assert sum(len(one) if isinstance(one, bytes) else one.size for one in got) == stop - start
    position, expected = offset, []
    for piece in whole:
        low, high = max(start, position), min(stop, position + piece.length)
        if low < high:
            if isinstance(piece, Inline):
                expected.append(piece.data[low - position : high - position])
            else:
                first = piece.start + low - position
                expected.append(Stretch(piece.extent, first, first + high - low))
        position += piece.length
    assert got == expected


@given(extents, st.data(), st.sampled_from([1, MIB, 3 * MIB + 5, 4 * MIB]))
def test_windows_end_with_stripes_and_cover_all(extent: Extent, data: st.DataObject, window: int) -> None:
    start = data.draw(st.integers(0, extent.size - 1))
    rest: Stretch | None = Stretch(extent, start, data.draw(st.integers(start + 1, extent.size)))
    position, stop = rest.start, rest.stop
    while rest is not None:
        first, rest = first_window(rest, window)
        assert first.start == position
        assert 0 < first.size <= max(window, MIB)
        assert rest is None or first.stop % MIB == 0
        position = first.stop
    assert position == stop


@given(extents, st.data())
def test_a_window_is_split_anywhere_and_counted_by_stripes(extent: Extent, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, extent.size - 1))
    window = Stretch(extent, start, data.draw(st.integers(start + 1, extent.size)))
    count = data.draw(st.integers(0, window.size))
    head, rest = split(window, count)
    assert isinstance(head, Stretch) and isinstance(rest, Stretch)
    assert (head.start, head.stop, rest.start, rest.stop) == (
        start,
        start + count,
        start + count,
        window.stop,
    )
    assert (is_empty(head), is_empty(rest)) == (count == 0, count == window.size)
    stripes = range(start // MIB, -(-window.stop // MIB))
    assert memory_bytes(window) == sum(min(MIB, extent.size - stripe * MIB) for stripe in stripes)


def test_inline_bytes_are_split_and_counted_too() -> None:
    assert split(b"abc", 1) == (b"a", b"bc")
    assert (memory_bytes(b"abc"), is_empty(b""), is_empty(b"a")) == (3, True, False)
