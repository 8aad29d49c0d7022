"""Which stretches of which extents a read needs, in pieces that fit into memory. Pure.

An object's content is a sequence of inline bytes and of stretches of extents (a completed multipart upload,
a copied part). A read of [start, stop) takes some of it, cut into windows: each within one extent, each
ending at a stripe's end where it can, so that no stripe is fetched twice.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from outlast.base import limits
from outlast.catalog.content import Found, Inline
from outlast.catalog.records import Extent


class Stretch(NamedTuple):
    """Bytes [start, stop) of an extent's plaintext."""

    extent: Extent
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


Window: TypeAlias = bytes | Stretch
"""What is fetched at once: inline bytes, for which there is nothing to fetch, or a stretch of one extent."""


def stretches(found: Found, start: int, stop: int) -> Iterator[Window]:
    """Yield what makes up the bytes [start, stop) of the object, uncut. `found` must have all its pieces."""
    for position, piece in found.pieces_in(start, stop):
        low, high = max(start - position, 0), min(stop - position, piece.length)
        assert low < high, "only pieces with wanted bytes are looked up"
        if isinstance(piece, Inline):
            yield piece.data[low:high]
        else:
            yield Stretch(piece.extent, piece.start + low, piece.start + high)


def first_window(stretch: Stretch, window_bytes: int) -> tuple[Stretch, Stretch | None]:
    """Return the first window for reading `stretch`, and what is left after it.

    The window ends with a stripe. It is at most `window_bytes` long, but at least one stripe.
    """
    stripe = limits.stripe_bytes
    stripes = max(1, window_bytes // stripe)
    end = (stretch.start // stripe + stripes) * stripe
    if end >= stretch.stop:
        return stretch, None
    return Stretch(stretch.extent, stretch.start, end), Stretch(stretch.extent, end, stretch.stop)


def split(window: Window, count: int) -> tuple[Window, Window]:
    """Return the window's first `count` bytes, and the rest."""
    if isinstance(window, bytes):
        return window[:count], window[count:]
    middle = window.start + count
    return window._replace(stop=middle), window._replace(start=middle)


def is_empty(window: Window) -> bool:
    """Whether the window has no bytes."""
    return not window if isinstance(window, bytes) else window.size == 0


def memory_bytes(window: Window) -> int:
    """The window's memory while it is fetched: the plaintext of all stripes that it touches."""
    if isinstance(window, bytes):
        return len(window)
    stripe = limits.stripe_bytes
    stop = min(-(-window.stop // stripe) * stripe, window.extent.size)
    return stop - window.start // stripe * stripe
