"""The body of a request, decoded into the bytes that the client meant, and verified.

What the signature says about the body (`signature.Payload`) is verified here: the hash of the body, the
chain of chunk signatures, the trailer and its signature, the promised length, and the checksum that the
headers promise (`checksums.Expected`). Bytes are passed on before they are verified; the last step of the
iteration raises if anything is wrong. So no caller may commit what came out before the iteration has ended
without an error.

Hashing runs concurrently with the stream: bytes that have been passed on are hashed in a thread while the
next ones arrive, one batch at a time, so at most two batches are held; and none while waiting for the client.
"""

import asyncio
import hmac
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

from outlast.base.concurrency import offload
from outlast.base.limits import KIB, MIB
from outlast.gateway.s3.checksums import Expected, trailer_names
from outlast.gateway.s3.chunked import ChunkedDecoder, Decoder, PlainDecoder, Trailer
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.headers import Headers
from outlast.gateway.s3.signature import Payload, PayloadKind
from outlast.providers.protocol import Buffer

# A thread is worth its switch (some 50 us) only for about a millisecond of hashing.
_BATCH_BYTES = 1 * MIB
_INLINE_BYTES_MAX = 128 * KIB

_Step: TypeAlias = tuple[Callable[[Any], object], Any]
"""One step of hashing, in order: a function and its argument."""


def decode_payload(
    chunks: AsyncIterable[bytes],
    payload: Payload,
    headers: Headers,
    expected: Expected | None = None,
    batch_bytes: Callable[[], int] = lambda: _BATCH_BYTES,
) -> "PayloadStream":
    """Return the plaintext of a body that comes in `chunks`. MissingContentLength, InvalidArgument at once.

    `batch_bytes()`: how much may be kept at present until it is hashed; 1 MiB at most.

    Other errors are raised during the iteration, at the latest in place of its end: IncompleteBody,
    XAmzContentSHA256Mismatch, SignatureDoesNotMatch, InvalidRequest (framing), MalformedTrailerError,
    BadDigest.
    """
    return PayloadStream(chunks, _Verification(payload, headers, expected), batch_bytes)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A complete body: its plaintext and its trailer (names in lower case)."""

    data: bytes
    trailers: dict[str, str]


def decode_whole(
    body: bytes, payload: Payload, headers: Headers, expected: Expected | None = None
) -> Decoded:
    """Decode a body that has been read already. No threads, so for small ones. Errors as above."""
    verification = _Verification(payload, headers, expected)
    pieces = verification.feed(body)
    _run(verification.take_steps())
    trailers = verification.finish()
    data = pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else b"".join(pieces)
    return Decoded(data, trailers)


def stored_content_encoding(headers: Headers) -> str | None:
    """Return the Content-Encoding to store: without `aws-chunked`, used in transport. None if empty."""
    values = headers.getall("Content-Encoding", [])
    if not values:
        return None
    codings = [coding for value in values for part in value.split(",") if (coding := part.strip())]
    return ", ".join([coding for coding in codings if coding.lower() != "aws-chunked"]) or None


class PayloadStream:
    """The plaintext of one body, to be iterated over once.

    `length` is the number of bytes that the client promised; more or fewer raise IncompleteBody. `trailers`
    (names in lower case) are complete when the iteration has ended. An empty chunk says that it has to wait
    for the client.
    """

    def __init__(
        self, chunks: AsyncIterable[bytes], verification: "_Verification", batch_bytes: Callable[[], int]
    ) -> None:
        self.length = verification.length
        self.trailers: dict[str, str] = {}
        self._chunks = chunks
        self._verification = verification
        self._batch_bytes = batch_bytes

    async def __aiter__(self) -> AsyncIterator[Buffer]:
        verification = self._verification
        beside = _HashingThread(self._batch_bytes)
        try:
            async for chunk in self._chunks:
                if not chunk:
                    await beside.finish()
                    continue
                pieces = deque(verification.feed(chunk))
                await beside.add(verification.take_steps(), len(chunk))
                while pieces:
                    yield pieces.popleft()  # nothing is kept while waiting for more
            await beside.finish()
        finally:
            beside.cancel()
        self.trailers = verification.finish()


class _Verification:
    """One body's decoder, and the steps that verify its bytes. Plans the steps; does not execute them."""

    def __init__(self, payload: Payload, headers: Headers, expected: Expected | None) -> None:
        kind = payload.kind
        self._chain = payload.chain
        self._decoder: Decoder = ChunkedDecoder(self._chain is not None) if kind.chunked else PlainDecoder()
        self._sha256 = sha256() if kind is PayloadKind.SIGNED else None
        self._payload = payload
        self._expected = expected
        self._announced = trailer_names(headers.get("x-amz-trailer") or "") if kind.trailer else []
        self._updates: list[Callable[[Buffer], object]] = []
        for hashing in (self._sha256, self._chain, expected and expected.digest):
            if hashing:
                self._updates.append(hashing.update)
        self._steps: list[_Step] = []
        self.length = _promised(headers, "x-amz-decoded-content-length" if kind.chunked else "Content-Length")
        self._left = self.length

    def feed(self, data: bytes) -> list[Buffer]:
        """Return the plaintext in the next bytes of the body."""
        plain: list[Buffer] = []
        for piece, closes in self._decoder.feed(data):
            if piece:
                self._left -= len(piece)
                plain.append(piece)
                self._steps += [(update, piece) for update in self._updates]
            if closes is not None and self._chain is not None:
                self._steps.append((self._chain.close_chunk, closes))
        if self._left < 0:
            raise S3Error("IncompleteBody", "The request body is longer than was promised.")
        return plain

    def take_steps(self) -> list[_Step]:
        """Return the steps since the last call, in order."""
        steps, self._steps = self._steps, []
        return steps

    def finish(self) -> dict[str, str]:
        """Verify after all steps have been executed; return the trailer."""
        trailer = self._decoder.finish()
        if self._left:
            raise S3Error("IncompleteBody")
        self._check_trailer(trailer)
        if self._sha256 is not None and not hmac.compare_digest(
            self._sha256.hexdigest(), self._payload.sha256
        ):
            raise S3Error("XAmzContentSHA256Mismatch")
        if self._expected is not None:
            self._expected.settle(trailer.fields)
        return trailer.fields

    def _check_trailer(self, trailer: Trailer) -> None:
        if sorted(trailer.fields) != sorted(self._announced):
            raise S3Error("MalformedTrailerError")
        signed = self._payload.kind is PayloadKind.SIGNED_CHUNKS_TRAILER
        if signed and self._chain is not None:
            self._chain.close_trailer(trailer.canonical, trailer.signature)
        elif trailer.signature:
            raise S3Error("MalformedTrailerError")


def _promised(headers: Headers, name: str) -> int:
    """Return the length that a header promises."""
    text = headers.get(name)
    if text is None:
        raise S3Error("MissingContentLength", f"You must provide the {name} HTTP header.")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise S3Error("InvalidArgument", f"The {name} header is not a length.")
    return int(text)


def _run(steps: list[_Step]) -> None:
    for function, argument in steps:
        function(argument)


def _forget(task: "asyncio.Task[None]") -> None:
    """Retrieve an outcome that nothing awaits, so that asyncio does not report it as lost."""
    if not task.cancelled():
        task.exception()


class _HashingThread:
    """Steps executed in a thread, in order, a batch at a time, concurrently with the code that adds them."""

    def __init__(self, batch_bytes: Callable[[], int]) -> None:
        self._batch_bytes = batch_bytes
        self._steps: list[_Step] = []
        self._bytes = 0
        self._running: asyncio.Task[None] | None = None

    async def add(self, steps: list[_Step], size: int) -> None:
        """Schedule these steps too. Waits for the previous batch, and raises what its steps raised."""
        if steps:
            self._steps += steps
            self._bytes += size
            if self._bytes >= (most := min(_BATCH_BYTES, self._batch_bytes())):
                if most >= _INLINE_BYTES_MAX:
                    await self._start()
                else:  # too many bodies at once for any to keep what a thread would be worth
                    await self.finish()

    async def _start(self) -> None:
        await self._wait()
        steps, self._steps, self._bytes = self._steps, [], 0
        self._running = asyncio.create_task(offload(_run, steps))

    async def _wait(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running

    async def finish(self) -> None:
        """Wait until all steps are executed and nothing is held any more."""
        if self._bytes > _INLINE_BYTES_MAX:
            await self._start()
        await self._wait()
        _run(self._steps)
        self._steps, self._bytes = [], 0

    def cancel(self) -> None:
        """Give up: nothing awaits the outcome any more."""
        if self._running is not None:
            self._running.cancel()
            self._running.add_done_callback(_forget)
