"""What a request claims about its signer and signature: parses the two places where SigV4 puts that.

`Authorization: AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/s3/aws4_request, SignedHeaders=..., Signature=...`
or, presigned, the query's `X-Amz-*` parameters. Only the form is checked here; `signature` verifies.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from outlast.gateway.s3.dates import amz_date, parse_amz_date, parse_http_date
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.headers import Headers
from outlast.gateway.s3.signing import ALGORITHM
from outlast.gateway.s3.uri import Query

_SIGNATURE = re.compile(r"\bSignature=([0-9a-f]{64})(?![0-9a-zA-Z])").search
_HEX_64 = re.compile(r"[0-9a-f]{64}").fullmatch
_HEADER_NAMES = re.compile(r"[!-9<-~]+(?:;[!-9<-~]+)*").fullmatch  # visible ASCII except ":" and ";"
_DATE = re.compile(r"\d{8}", re.ASCII).fullmatch

_HEADER_ERROR = "AuthorizationHeaderMalformed"
_QUERY_ERROR = "AuthorizationQueryParametersError"
_EXPIRES_S_MAX = 7 * 24 * 3600
_PRESIGN_NAMES = tuple(
    f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
)


@dataclass(frozen=True, slots=True)
class SignatureClaims:
    """The signer, the day and region, and the signed headers. `scope` is the credential without the id."""

    access_key_id: str
    date: str
    region: str
    scope: str
    signed_headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A request's complete claim. `timestamp` is as signed, `at` the same in Unix seconds.

    `expires_s` is None for a signature in a header; `malformed` is the code for a claim in the wrong form.
    """

    signer: SignatureClaims
    signature: str
    timestamp: str
    at: int
    expires_s: int | None
    malformed: str


def read_claim(headers: Headers, query: Query) -> Claim:
    """Parse a request's claim; `AccessDenied` if it has none, otherwise the error for its form."""
    authorization = headers.get("Authorization")
    presigned = "X-Amz-Algorithm" in query or "X-Amz-Signature" in query
    if authorization is not None:
        if presigned:
            raise S3Error(
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
                "string parameter or the Authorization header should be specified",
            )
        return _from_header(authorization, headers)
    if presigned:
        return _from_query(query)
    if "AWSAccessKeyId" in query and "Signature" in query:
        raise _unsupported()
    raise S3Error("AccessDenied")


def _unsupported() -> S3Error:
    return S3Error(
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )


def _from_header(authorization: str, headers: Headers) -> Claim:
    if (found := _SIGNATURE(authorization)) is None:
        _refuse_other_schemes(authorization)
        raise S3Error(_HEADER_ERROR, "The authorization header is malformed; it needs a Signature.")
    # All but the signature is the same for most requests of one client in one day: parsed once.
    signer = _parse_header(authorization[: found.start()] + authorization[found.end() :])
    timestamp, at = _request_time(headers)
    return Claim(signer, found[1], timestamp, at, None, _HEADER_ERROR)


def _refuse_other_schemes(authorization: str) -> None:
    scheme = authorization.partition(" ")[0]
    if scheme == "AWS4-ECDSA-P256-SHA256":
        raise S3Error(
            "NotImplemented", "Signature Version 4A is not implemented. Please use AWS4-HMAC-SHA256."
        )
    if scheme == "AWS":
        raise _unsupported()
    if scheme != ALGORITHM:
        raise S3Error("InvalidArgument", "Unsupported Authorization Type")


@lru_cache(maxsize=1024)
def _parse_header(head: str) -> SignatureClaims:
    _refuse_other_schemes(head)
    fields: dict[str, str] = {}
    for field in head.removeprefix(ALGORITHM).split(","):
        name, _, value = field.strip().partition("=")
        if value and fields.setdefault(name, value) is not value:
            raise S3Error(_HEADER_ERROR, f"The authorization header is malformed; {name} is given twice.")
    if "Credential" not in fields or "SignedHeaders" not in fields:
        raise S3Error(
            _HEADER_ERROR, "The authorization header is malformed; it needs Credential and SignedHeaders."
        )
    return _signer(fields["Credential"], fields["SignedHeaders"], _HEADER_ERROR)


@lru_cache(maxsize=1024)
def _signer(credential: str, signed_headers: str, code: str) -> SignatureClaims:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or not parts[0] or not _DATE(parts[1]):
        raise S3Error(
            code,
            'The Credential is malformed; expecting "<ACCESS-KEY>/YYYYMMDD/REGION/SERVICE/aws4_request".',
        )
    access_key_id, date, region, service, terminator = parts
    if service != "s3":
        raise S3Error(code, f'The Credential is malformed; incorrect service "{service}". Expecting "s3".')
    if terminator != "aws4_request":
        raise S3Error(
            code, f'The Credential is malformed; incorrect terminal "{terminator}". Expecting "aws4_request".'
        )
    if not _HEADER_NAMES(signed_headers):
        raise S3Error(code, "The SignedHeaders are malformed.")
    scope = f"{date}/{region}/s3/aws4_request"
    return SignatureClaims(access_key_id, date, region, scope, tuple(signed_headers.split(";")))


def _request_time(headers: Headers) -> tuple[str, int]:
    """Return the time stamp that was signed: `x-amz-date`, otherwise `Date`, in either form."""
    text = headers.get("x-amz-date") or headers.get("Date")
    if text is not None:
        if (at := parse_amz_date(text)) is not None:
            return text, at
        if (at := parse_http_date(text)) is not None:
            return amz_date(at), at
    raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")


def _from_query(query: Query) -> Claim:
    algorithm = query.get("X-Amz-Algorithm", "")
    if algorithm == "AWS4-ECDSA-P256-SHA256":
        _refuse_other_schemes(algorithm)
    if algorithm != ALGORITHM:
        raise S3Error(_QUERY_ERROR, 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    names = [name for name, _ in query.pairs]
    if any(names.count(name) != 1 for name in _PRESIGN_NAMES):
        raise S3Error(
            _QUERY_ERROR,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters, each once.",
        )
    signer = _signer(query["X-Amz-Credential"], query["X-Amz-SignedHeaders"], _QUERY_ERROR)
    timestamp = query["X-Amz-Date"]
    if (at := parse_amz_date(timestamp)) is None:
        raise S3Error(_QUERY_ERROR, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    if not _HEX_64(query["X-Amz-Signature"]):
        raise S3Error("SignatureDoesNotMatch")
    expires_s = _expires(query["X-Amz-Expires"])
    return Claim(signer, query["X-Amz-Signature"], timestamp, at, expires_s, _QUERY_ERROR)


def _expires(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise S3Error(_QUERY_ERROR, "X-Amz-Expires should be a non-negative number")
    if int(text) > _EXPIRES_S_MAX:
        raise S3Error(_QUERY_ERROR, "X-Amz-Expires must be less than a week (in seconds); that is 604800")
    return int(text)
