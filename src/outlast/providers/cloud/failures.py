"""Derives the causes of a cloud's failures from the texts of obstore's errors.

obstore (the Rust crate `object_store`) has classes for a few outcomes and `GenericError` for all others:
refused, DNS, TLS, throttled, 500, and timeout look alike, no cause is chained, and no attribute has the
status. Only the text distinguishes them: one sentence (`... Server returned non-2xx status code: 503 ...:
<body>`), and below `Debug source:` the nested Rust errors. Only this module parses them. Tests check every
rule against a real socket that misbehaves that way, so that changed wording in a new obstore is detected.

No text of an error is passed on: it may hold a URL with a signature, or the server's echo of headers with a
session token. Details consist of the status and the server's error code.
"""

import re
from dataclasses import dataclass

from outlast.base.errors import (
    Cause,
    Denied,
    Exists,
    Expired,
    Full,
    Locked,
    NotFound,
    ProviderError,
    Unavailable,
    Unsupported,
)

_status = re.compile(r"status code: (\d{3})\b|\(code: (\d{3})\)$")
_code = re.compile(r"<Code>\s*([A-Za-z0-9_.-]{1,64})\s*</Code>|\"reason\":\s*\"([A-Za-z0-9_.-]{1,64})\"")
_asked = re.compile(r"Error performing [A-Z]+ (https?://\S+) in ")
_url = re.compile(r"https?://[^\s\"')]+")
# The addresses from which machines in a cloud get their own credential.
_metadata = re.compile(
    r"https?://(169\.254\.(169\.254|170\.2|170\.23)|metadata(\.google\.internal)?|\[fd00:ec2::(254|23)\])[:/]"
)
# The status for a class if the text has none: parts of a request for several objects.
_status_of_class = {
    "FileNotFoundError": 404,
    "AlreadyExistsError": 409,
    "PreconditionError": 412,
}

throttled_codes = frozenset(
    {
        "SlowDown",
        "ServerBusy",
        "TooManyRequests",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "RequestThrottled",
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "OperationTimedOut",
        "BandwidthLimitExceeded",
    }
)
full_codes = frozenset(
    {
        "QuotaExceeded",
        "XMinioStorageFull",
        "XMinioAdminBucketQuotaExceeded",
        "InsufficientStorage",
        "StorageQuotaExceeded",
        "quotaExceeded",
        "AccountLimitExceeded",
    }
)
denied_codes = frozenset(
    {
        "InvalidToken",
        "InvalidAccessKeyId",
        "AuthorizationHeaderMalformed",
        "AuthenticationFailed",
        "InvalidAuthenticationInfo",
        "AuthorizationFailure",
        "SignatureDoesNotMatch",
        "AccessDenied",
    }
)
expired_codes = frozenset({"ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException"})
locked_codes = frozenset(
    {
        "BlobImmutableDueToPolicy",
        "BlobImmutableDueToLegalHold",
        "ContainerImmutableDueToPolicy",
        "ObjectLocked",
        "retentionPolicyNotMet",
        "objectUnderActiveHold",
    }
)
gone_codes = frozenset(
    {
        "NoSuchBucket",
        "ContainerNotFound",
        "ContainerBeingDeleted",
        "ContainerDisabled",
        "AccountIsDisabled",
    }
)


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """A parsed error text. `status` is None if there was no answer at all."""

    status: int | None
    code: str
    url: str
    """The request's URL; "" if the text has none."""
    text: str
    """The full text. Not for people."""


def read_error(error: BaseException) -> ErrorAnswer:
    """Parse the text of one of obstore's errors."""
    whole = str(error)
    sentence = whole.partition("\n\nDebug source")[0]
    # The library's text comes before the server's: the first match is the library's.
    url = _asked.search(sentence)
    status = _status.search(sentence)
    code = _code.search(sentence) if status is not None else None
    number = status[1] or status[2] if status is not None else _status_of_class.get(type(error).__name__)
    return ErrorAnswer(
        status=int(number) if number is not None else None,
        code=(code[1] or code[2]) if code is not None else "",
        url=url[1] if url is not None else "",
        text=whole,
    )


def failure(provider: str, verb: str, key: str, error: BaseException, conflict_exists: bool) -> ProviderError:
    """Our error for one of obstore's, raised by `verb` for `key`.

    `conflict_exists`: a status 409 with no other meaning means that the object exists (Azure). Elsewhere it
    means that two writes conflicted and this one was not performed.
    """
    answer = read_error(error)
    if _metadata.match(answer.url):
        return Denied(provider, verb, "no credential: none is configured, and the machine has none")
    if answer.status is None:
        cause, detail = silence(type(error).__name__, _url.sub("", answer.text))
        if cause is Cause.DENIED:
            return Denied(provider, verb, detail)
        return Unavailable(provider, verb, detail, cause)
    detail = f"{answer.status} {answer.code}".rstrip()
    return _answered(provider, verb, key, answer, detail, conflict_exists)


def _answered(
    provider: str, verb: str, key: str, answer: ErrorAnswer, detail: str, conflict_exists: bool
) -> ProviderError:
    status, code = answer.status, answer.code
    assert status is not None, "only answered requests come here"
    if code in gone_codes or (status == 404 and verb in ("put", "create", "list")):
        return Unavailable(provider, verb, f"{detail}: the bucket or container does not exist", Cause.MISSING)
    if (
        status == 507
        or code in full_codes
        or (status in (403, 413) and "cap exceeded" in answer.text.lower())
    ):
        return Full(provider, verb, detail)
    if status in (429, 503) or code in throttled_codes:
        return Unavailable(provider, verb, detail, Cause.THROTTLED)
    if code in locked_codes or (status == 400 and "object lock" in answer.text.lower()):
        # Amazon requires a checksum with each write if a default retention is set, and answers 400 without.
        return Locked(provider, verb, f"{detail}: a lock or retention policy forbids it")
    if code in expired_codes or _expired_signature(answer):
        return Expired(provider, verb, f"{detail}: the credential has expired")
    if status in (401, 403) or code in denied_codes:
        return _denied(provider, verb, detail, code)
    if status in (404, 412, 409):
        return _condition(provider, verb, key, status, detail, conflict_exists)
    if status in (405, 501) or code == "NotImplemented":
        return Unsupported(provider, verb, detail)
    if status == 413:
        return Full(provider, verb, detail)
    if status == 408 or code == "RequestTimeout":
        return Unavailable(provider, verb, detail, Cause.TIMEOUT)
    if status >= 500:
        return Unavailable(provider, verb, detail, Cause.SERVER)
    return Unavailable(provider, verb, detail, Cause.UNKNOWN)


def _condition(
    provider: str, verb: str, key: str, status: int, detail: str, conflict_exists: bool
) -> ProviderError:
    """The error for answers about the object itself."""
    if status == 404:
        return NotFound(provider, verb, key)
    if verb == "create" and (status == 412 or conflict_exists):
        return Exists(provider, verb, key)
    if status == 412:
        return Unsupported(provider, verb, f"{detail}: a condition that the request did not have")
    return Unavailable(provider, verb, f"{detail}: it conflicted with another write", Cause.CONFLICT)


def _denied(provider: str, verb: str, detail: str, code: str) -> ProviderError:
    if code == "RequestTimeTooSkewed":
        return Denied(provider, verb, f"{detail}: its clock and this computer's differ", Cause.CLOCK)
    if code == "AuthorizationHeaderMalformed":
        return Denied(provider, verb, f"{detail}: the region is not the bucket's")
    return Denied(provider, verb, detail)


def _expired_signature(answer: ErrorAnswer) -> bool:
    """Whether Azure reports an expired SAS token: it has no separate code, only an explanation."""
    return answer.code == "AuthenticationFailed" and "not valid in the specified time frame" in answer.text


def silence(kind: str, text: str) -> tuple[Cause, str]:
    """Why there was no answer, from an error's class and its text without URLs."""
    if "BareRedirect" in text:
        return Cause.UNKNOWN, "redirected without a target: the region is not the bucket's"
    if kind in ("UnauthenticatedError", "PermissionDeniedError") or "MissingCredentials" in text:
        return Cause.DENIED, "no usable credential"
    for cause, detail, signs in _signs:
        if any(sign in text for sign in signs):
            return cause, detail
    return Cause.UNKNOWN, "failed for an unknown reason"


not_the_provider = "something else answers in its place (a login page, a proxy?)"
# Where requests to other hosts than the provider's are sent: see `opening`.
nowhere_address = "127.0.0.1:0"

# Most specific first: a refused connection is also a connection error.
_signs: tuple[tuple[Cause, str, tuple[str, ...]], ...] = (
    (Cause.PORTAL, "redirected to another host, which is not followed", (f" {nowhere_address},",)),
    (Cause.DNS, "its name cannot be resolved", ("dns error",)),
    (
        Cause.TLS,
        "no trusted TLS connection",
        (
            "InvalidCertificate",
            "invalid peer certificate",
            "InvalidContentType",
            "AlertReceived",
            "PeerIncompatible",
            "PeerMisbehaved",
            "NoCertificatesPresented",
            "corrupt message",
            "InvalidMessage",
        ),
    ),
    (Cause.TIMEOUT, "no answer in time", ("kind: Timeout", "TimedOut", "timed out")),
    (Cause.REFUSED, "connection refused", ("ConnectionRefused", "code: 111", "Connection refused")),
    (Cause.REFUSED, "unreachable", ("HostUnreachable", "NetworkUnreachable", "code: 113", "code: 101")),
    (
        Cause.RESET,
        "the connection broke off",
        (
            "ConnectionReset",
            "code: 104",
            "BrokenPipe",
            "IncompleteMessage",
            "IncompleteBody",
            "UnexpectedEof",
            "ConnectionAborted",
            "kind: Interrupted",
            "Connection reset",
            "Broken pipe",
            "before message completed",
            "end of file before message length reached",
            "error decoding response body",
        ),
    ),
    (Cause.SERVER, "what answers does not speak HTTP", ("Parse(", "kind: Decode")),
    # An answer of status 200 that no store gives: a captive portal's login page, a proxy's notice.
    (
        Cause.PORTAL,
        not_the_provider,
        (
            "NotPartial",
            "MissingEtag",
            "MissingLastModified",
            "InvalidDeleteObjectsResponse",
            "InvalidBulkDeleteResponse",
            "InvalidListResponse",
            "InvalidListObjectsV2Response",
        ),
    ),
)
