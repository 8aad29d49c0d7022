"""Authenticates requests: verification of AWS Signature Version 4 in headers and presigned URLs.

`authenticate` parses the claim (`claims`), looks up the access key, computes the signature (`signing`), and
compares. What it returns is proved to come from the holder of the secret: method, path, query, and every
`x-amz-*` header, because an unsigned one is refused. The payload is covered by its hash, by a chain of chunk
signatures, or, if the client chose so, not at all: `Payload` says which, and `payload` carries it out.

This is on the path of every request: about 20 us, most of it string handling. Parsed credentials, signing
keys, and time stamps are kept in bounded caches. A verdict is never cached.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from outlast.gateway.s3.claims import Claim, read_claim
from outlast.gateway.s3.dates import iso_date
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.headers import Headers
from outlast.gateway.s3.signing import (
    ChunkChain,
    canonical_request,
    hmac_sha256,
    same,
    signing_key,
    string_to_sign,
)
from outlast.gateway.s3.uri import Query, canonical_path, canonical_query

_SKEW_S_MAX = 15 * 60
_SHA256 = re.compile(r"[0-9a-fA-F]{64}").fullmatch


class Credential(Protocol):
    """An access key, as verification needs it. The store's `AccessKey` is one."""

    @property
    def id(self) -> str: ...

    @property
    def secret(self) -> str: ...


K = TypeVar("K", bound=Credential)


@dataclass(slots=True)
class RequestView:
    """A request's head. `raw_path` and `raw_query` are from the request line, `query` is parsed."""

    method: str
    raw_path: str
    raw_query: str
    headers: Headers
    query: Query


class PayloadKind(StrEnum):
    """How the signature covers the body; the value is that of `x-amz-content-sha256`."""

    SIGNED = "(a hash)"
    UNSIGNED = "UNSIGNED-PAYLOAD"
    SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    UNSIGNED_CHUNKS_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def chunked(self) -> bool:
        """Whether the body is framed as aws-chunked."""
        return self not in (PayloadKind.SIGNED, PayloadKind.UNSIGNED)

    @property
    def trailer(self) -> bool:
        """Whether headers follow the body."""
        return self in (PayloadKind.SIGNED_CHUNKS_TRAILER, PayloadKind.UNSIGNED_CHUNKS_TRAILER)


_KINDS = {kind.value: kind for kind in PayloadKind if kind is not PayloadKind.SIGNED}


@dataclass(slots=True)
class Payload:
    """What the signature says about the body.

    `sha256` (lower-case hex) is set for SIGNED, `chain` for the two kinds with signed chunks.
    """

    kind: PayloadKind
    sha256: str = ""
    chain: ChunkChain | None = None


@dataclass(slots=True)
class Auth(Generic[K]):
    """A verified request: its access key, and what its body must be."""

    access_key: K
    payload: Payload
    presigned: bool


async def authenticate(
    view: RequestView, lookup: Callable[[str], Awaitable[K | None]], now: float, region: str | None = None
) -> Auth[K]:
    """Verify the signature of a request at Unix time `now`; `region` None accepts any.

    Raises S3Error: AccessDenied (no signature; expired or not yet valid URL; unsigned `x-amz-*` headers),
    InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed, AuthorizationHeaderMalformed,
    AuthorizationQueryParametersError, InvalidRequest (Signature Version 2, no `x-amz-content-sha256`),
    InvalidArgument, InvalidToken (temporary credentials are none of ours), NotImplemented (SigV4A).
    """
    claim = read_claim(view.headers, view.query)
    payload_hash = _payload_hash(view, presigned=claim.expires_s is not None)
    kind = _payload_kind(payload_hash)
    _check_time(claim, now)
    _check_scope(claim, region)
    _check_coverage(view, claim)
    access_key = await lookup(claim.signer.access_key_id)
    if access_key is None:
        raise unknown_key(claim.signer.access_key_id)
    chain = _check_signature(view, claim, payload_hash, access_key.secret, kind)
    sha256 = payload_hash.lower() if kind is PayloadKind.SIGNED else ""
    return Auth(access_key, Payload(kind, sha256, chain), claim.expires_s is not None)


def unknown_key(id: str) -> S3Error:
    """Return the answer to a request signed by an access key that does not exist, or no longer does."""
    return S3Error("InvalidAccessKeyId", extra={"AWSAccessKeyId": id})


def _payload_hash(view: RequestView, presigned: bool) -> str:
    """Return the canonical request's last line. A presigned URL does not bind the body unless it says so."""
    value = view.headers.get("x-amz-content-sha256")
    if presigned:
        return view.query.get("X-Amz-Content-Sha256") or value or PayloadKind.UNSIGNED.value
    if value is None:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    return value


def _payload_kind(value: str) -> PayloadKind:
    if _SHA256(value):
        return PayloadKind.SIGNED
    if (kind := _KINDS.get(value)) is not None:
        return kind
    if value.startswith("STREAMING-AWS4-ECDSA-P256-SHA256"):
        raise S3Error("NotImplemented", "Signature Version 4A is not implemented.")
    raise S3Error(
        "InvalidArgument",
        f"x-amz-content-sha256 must be {', '.join(_KINDS)}, or a valid sha256 value.",
        extra={"ArgumentName": "x-amz-content-sha256", "ArgumentValue": value},
    )


def _check_time(claim: Claim, now: float) -> None:
    if claim.expires_s is None:
        if abs(now - claim.at) > _SKEW_S_MAX:
            raise S3Error(
                "RequestTimeTooSkewed",
                extra={
                    "RequestTime": claim.timestamp,
                    "ServerTime": iso_date(int(now) * 1000),
                    "MaxAllowedSkewMilliseconds": str(_SKEW_S_MAX * 1000),
                },
            )
    elif claim.at > now + _SKEW_S_MAX:
        raise S3Error("AccessDenied", "Request is not valid yet")
    elif now > claim.at + claim.expires_s:
        raise S3Error(
            "AccessDenied",
            "Request has expired",
            extra={
                "X-Amz-Expires": str(claim.expires_s),
                "Expires": iso_date((claim.at + claim.expires_s) * 1000),
                "ServerTime": iso_date(int(now) * 1000),
            },
        )


def _check_scope(claim: Claim, region: str | None) -> None:
    signer = claim.signer
    if signer.date != claim.timestamp[:8]:
        raise S3Error(
            claim.malformed,
            f'Invalid credential date "{signer.date}". '
            f'This date is not the same as X-Amz-Date: "{claim.timestamp[:8]}".',
        )
    if region is not None and signer.region != region:
        raise S3Error(
            claim.malformed,
            f"The Credential is malformed; the region '{signer.region}' is wrong; expecting '{region}'",
            extra={"Region": region},
        )


def _check_coverage(view: RequestView, claim: Claim) -> None:
    """Refuse what was added to a request after it was signed: `host` and all `x-amz-*` must be signed."""
    signed = claim.signer.signed_headers
    missing = [] if "host" in signed else ["host"]
    for name in view.headers:
        lower = name.lower()
        # The payload's hash needs no signature of its own: it is the last line of the canonical request.
        if lower[:6] == "x-amz-" and lower not in signed and lower != "x-amz-content-sha256":
            missing.append(lower)
    if missing:
        raise S3Error(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            extra={"HeadersNotSigned": ", ".join(missing)},
        )
    if "x-amz-security-token" in signed or "X-Amz-Security-Token" in view.query:
        raise S3Error("InvalidToken")


def _check_signature(
    view: RequestView, claim: Claim, payload_hash: str, secret: str, kind: PayloadKind
) -> ChunkChain | None:
    """Compute the signature and compare; the chain that continues it, if the body's chunks are signed."""
    signer = claim.signer
    request = canonical_request(
        view.method,
        canonical_path(view.raw_path),
        canonical_query(view.query, without="X-Amz-Signature"),
        view.headers,
        signer.signed_headers,
        payload_hash,
    )
    text = string_to_sign(claim.timestamp, signer.scope, request)
    key = signing_key(secret, signer.date, signer.region)
    if not same(hmac_sha256(key, text).hex(), claim.signature):
        raise S3Error(
            "SignatureDoesNotMatch",
            extra={
                "AWSAccessKeyId": signer.access_key_id,
                "StringToSign": text,
                "SignatureProvided": claim.signature,
                "CanonicalRequest": request,
            },
        )
    if kind in (PayloadKind.SIGNED_CHUNKS, PayloadKind.SIGNED_CHUNKS_TRAILER):
        return ChunkChain(key, claim.timestamp, signer.scope, claim.signature)
    return None
