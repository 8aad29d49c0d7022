"""Values as the tables store them: MessagePack followed by its CRC-32C.

SQLite's pages have their own checksums (`database`), but the checksum of a page of zeros is valid, and long
values continue in overflow pages, where nothing else would show such damage. Inline bodies are long. The
check is made whenever a value is read: it costs 2 us for the longest of them.
"""

from typing import Any, Generic, TypeVar

import msgspec
from awscrt.checksums import crc32c

from outlast.base.errors import LocalStateCorrupt

T = TypeVar("T")

CHECK_BYTES = 4

_encoder = msgspec.msgpack.Encoder()


def sound(blob: bytes) -> bool:
    """Whether the value still matches its check."""
    check: int = crc32c(memoryview(blob)[:-CHECK_BYTES])
    return check.to_bytes(CHECK_BYTES, "big") == blob[-CHECK_BYTES:]


class Blob(Generic[T]):
    """Values of one type."""

    def __init__(self, kind: Any) -> None:
        """`kind`: the type `T`, which may be a union."""
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kind)

    def encode(self, value: T) -> bytearray:
        """The value as bytes for a BLOB column."""
        blob = bytearray()
        _encoder.encode_into(value, blob)
        blob += crc32c(blob).to_bytes(CHECK_BYTES, "big")
        return blob

    def decode(self, blob: bytes) -> T:
        """The inverse. Raises `LocalStateCorrupt`."""
        if not sound(blob):
            raise LocalStateCorrupt("the local catalog is damaged: a value does not match its checksum")
        try:
            return self._decoder.decode(memoryview(blob)[:-CHECK_BYTES])
        except msgspec.DecodeError as error:
            raise LocalStateCorrupt(f"the local catalog holds a value of another version: {error}") from error
