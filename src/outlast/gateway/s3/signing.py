"""The arithmetic of AWS Signature Version 4, without any judgement about a request.

Specification: "Authenticating Requests (AWS Signature Version 4)" in the S3 API reference, with
"Transferring Payload in Multiple Chunks" and "Including Trailing Headers" for `ChunkChain`.

A signature is HMAC-SHA256 of a *string to sign* under a *signing key*. The key comes from the secret, the
day, the region, and the service, so it is the same for a whole day and cached here. The string to sign
names the request by a hash of its *canonical request*.
"""

import hmac
import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.headers import Headers
from outlast.providers.protocol import Buffer

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

_BLANKS = re.compile(r"[ \t]+")


def hmac_sha256(key: bytes, text: str) -> bytes:
    """HMAC-SHA256 of `text` as it was on the wire."""
    return hmac.digest(key, text.encode("utf-8", "surrogateescape"), "sha256")


@lru_cache(maxsize=1024)  # a key per secret, day, and region: a handful in practice
def signing_key(secret: str, date: str, region: str) -> bytes:
    """The key (32 bytes) that signs for S3 in `region` on `date` (YYYYMMDD)."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, "s3", "aws4_request"):
        key = hmac_sha256(key, part)
    return key


def canonical_header(name: str, values: Sequence[str]) -> str:
    """Return one line of canonical headers: values trimmed, runs of blanks collapsed, joined by commas."""
    text = values[0].strip(" \t") if len(values) == 1 else ",".join([v.strip(" \t") for v in values])
    if "  " in text or "\t" in text:
        text = _BLANKS.sub(" ", text)
    return f"{name}:{text}\n"


def canonical_request(
    method: str, path: str, query: str, headers: Headers, signed: Sequence[str], payload_hash: str
) -> str:
    """Return the request in its signed form. `path` and `query` are canonical; `signed` are header names."""
    none: list[str] = []
    lines = "".join([canonical_header(name, headers.getall(name, none)) for name in signed])
    return f"{method}\n{path}\n{query}\n{lines}\n{';'.join(signed)}\n{payload_hash}"


def string_to_sign(timestamp: str, scope: str, request: str) -> str:
    """Return the text to sign for the canonical `request`."""
    digest = sha256(request.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{digest}"


class ChunkChain:
    """The signatures of a chunked payload, each of which covers the previous one.

    It begins with the signature of the request itself. Pass a chunk's bytes to `update`, then its signature
    to `close_chunk`; the zero-length chunk counts too; after it `close_trailer`, if there is a trailer.
    Either of the two raises `SignatureDoesNotMatch`.

    Bytes are hashed as they pass, so a bad chunk is only detected at its end. That is safe because nothing is
    committed before the end of the whole payload. Not thread-safe: one caller at a time.
    """

    __slots__ = ("_hash", "_key", "_previous", "_scope")

    def __init__(self, key: bytes, timestamp: str, scope: str, seed: str) -> None:
        self._key = key
        self._scope = f"{timestamp}\n{scope}"
        self._previous = seed
        self._hash = sha256()

    def update(self, data: Buffer) -> None:
        """Add bytes of the chunk that is open."""
        self._hash.update(data)

    def close_chunk(self, signature: str) -> None:
        """End the open chunk and compare its signature (64 hex digits)."""
        digest = self._hash.hexdigest()
        self._hash = sha256()
        self._verify(
            f"{ALGORITHM}-PAYLOAD\n{self._scope}\n{self._previous}\n{EMPTY_SHA256}\n{digest}", signature
        )

    def close_trailer(self, trailer: str, signature: str) -> None:
        """Compare the signature of the canonical trailer, lines of `name:value` each ended by a line feed."""
        digest = sha256(trailer.encode("utf-8", "surrogateescape")).hexdigest()
        self._verify(f"{ALGORITHM}-TRAILER\n{self._scope}\n{self._previous}\n{digest}", signature)

    def _verify(self, text: str, signature: str) -> None:
        expected = hmac_sha256(self._key, text).hex()
        if not same(expected, signature):
            raise S3Error("SignatureDoesNotMatch", "The signature of a chunk of the payload does not match.")
        self._previous = expected


def same(expected: str, given: str) -> bool:
    """Whether two signatures are equal, in a time that does not reveal how much of them is."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))
