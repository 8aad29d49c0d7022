"""The framing of aws-chunked bodies, removed as the bytes arrive.

    SIZE-IN-HEX[;chunk-signature=HEX64] CRLF  DATA CRLF  ...  0[;chunk-signature=HEX64] CRLF  [TRAILER]  CRLF

It looks like HTTP's own chunked coding but is part of the body. Nothing here waits or hashes: bytes go
in, pieces come out, as views of what came in. A chunk may have any size from 8 KiB on, and the last one
before the zero-length chunk may be smaller; it is passed on in pieces, so only a header line or the trailer
is ever held, and both are bounded.

Lenient where clients differ (blank lines around the trailer, as in examples of the AWS documentation), and
strict where bytes could be mistaken for something else.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from outlast.gateway.s3.errors import S3Error
from outlast.providers.protocol import Buffer

# `ffffffffffffffff;chunk-signature=` and 64 digits are 97 bytes.
_LINE_BYTES_MAX = 128
# One checksum and one signature need about 200.
_TRAILER_BYTES_MAX = 8 * 1024

# S3's own bound, for each chunk except the last one with data: it limits the overhead of signatures.
CHUNK_BYTES_MIN = 8 * 1024

_HEAD = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?\r").fullmatch
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class Chunk(NamedTuple):
    """Some plaintext. `closes`: the chunk's signature if it ends here ("" without signatures), else None."""

    data: Buffer
    closes: str | None


@dataclass(slots=True)
class Trailer:
    """The headers after the last chunk, names in lower case, and their signature ("" if none)."""

    fields: dict[str, str] = field(default_factory=dict)
    signature: str = ""

    @property
    def canonical(self) -> str:
        """The text that is signed."""
        return "".join([f"{name}:{value}\n" for name, value in sorted(self.fields.items())])


class Decoder(Protocol):
    """Removes the framing from a body."""

    def feed(self, data: bytes) -> list[Chunk]:
        """Return what `data`, the next bytes of the body, adds."""
        ...

    def finish(self) -> Trailer:
        """Note that the body has ended. IncompleteBody if it is not complete."""
        ...


class PlainDecoder:
    """No framing: the body is the plaintext."""

    __slots__ = ()

    def feed(self, data: bytes) -> list[Chunk]:
        return [Chunk(data, None)]

    def finish(self) -> Trailer:
        return Trailer()


class ChunkedDecoder:
    """aws-chunked framing. `signed`: every chunk must have a signature, otherwise none may."""

    __slots__ = ("_between", "_last", "_left", "_line", "_signature", "_signed", "_small", "_tail")

    def __init__(self, signed: bool) -> None:
        self._signed = signed
        self._left = 0  # how many bytes of the open chunk are still missing
        self._signature = ""  # of the open chunk
        self._between = False  # the line end after a chunk's data is still missing
        self._small = False  # a chunk has arrived that is so small that it must be the last
        self._last = False  # the zero-length chunk has arrived
        self._line = b""  # the beginning of a line
        self._tail = b""  # all that follows the zero-length chunk

    def feed(self, data: bytes) -> list[Chunk]:
        view = memoryview(data)
        pieces: list[Chunk] = []
        at = 0
        while at < len(data):
            if self._left:
                end = min(at + self._left, len(data))
                self._left -= end - at
                pieces.append(Chunk(view[at:end], None if self._left else self._signature))
                self._between = not self._left
            elif self._last:
                end = len(data)
                self._extend_tail(data[at:])
            else:
                end = data.find(b"\n", at, at + _LINE_BYTES_MAX) + 1 or min(len(data), at + _LINE_BYTES_MAX)
                if self._extend_line(data[at:end]):
                    pieces.append(Chunk(b"", self._signature))
            at = end
        return pieces

    def _extend_line(self, text: bytes) -> bool:
        """Continue a line between chunks. Returns whether it was the head of the zero-length chunk."""
        self._line += text
        if len(self._line) > _LINE_BYTES_MAX:
            raise _malformed()
        if not self._line.endswith(b"\n"):
            return False
        line, self._line = self._line[:-1], b""
        if self._between:
            if line != b"\r":
                raise _malformed()
            self._between = False
            return False
        self._open(line)
        return self._last

    def _open(self, line: bytes) -> None:
        found = _HEAD(line)
        if found is None or (found[2] is not None) != self._signed:
            raise _malformed()
        self._left = int(found[1], 16)
        if self._left and self._small:
            raise S3Error("InvalidChunkSizeError")
        self._small = self._left < CHUNK_BYTES_MIN
        self._signature = found[2].decode() if self._signed else ""
        self._last = self._left == 0

    def _extend_tail(self, text: bytes) -> None:
        self._tail += text
        if len(self._tail) > _TRAILER_BYTES_MAX:
            raise S3Error("MalformedTrailerError")

    def finish(self) -> Trailer:
        if not self._last:
            raise S3Error("IncompleteBody")
        return _parse_trailer(self._tail)


def _malformed() -> S3Error:
    return S3Error("InvalidRequest", "The aws-chunked framing of the request body is malformed.")


def _parse_trailer(tail: bytes) -> Trailer:
    trailer = Trailer()
    for line in tail.decode("utf-8", "surrogateescape").split("\n"):
        if not (line := line.strip(" \t\r")):
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(" \t").lower(), value.strip(" \t")
        if not colon or not name or name in trailer.fields:
            raise S3Error("MalformedTrailerError")
        trailer.fields[name] = value
    trailer.signature = trailer.fields.pop(_TRAILER_SIGNATURE, "")
    return trailer
