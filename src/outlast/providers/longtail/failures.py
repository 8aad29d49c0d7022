"""Derives causes of failures from the texts of opendal's errors.

opendal's errors have a class (`NotFound`, `Unexpected`, ...) and one text: the server's answer verbatim, then
`Context:` with the status, then `Source:` with the nested errors. As with obstore, no text is passed on.
"""

import re

from outlast.base.errors import Cause, Denied, Full, NotFound, ProviderError, Unavailable, Unsupported
from outlast.providers.cloud.failures import not_the_provider, silence

_status = re.compile(r"response: Parts \{ status: (\d{3}),")
_retry_after = re.compile(r"\"retry-after\": \"(\d{1,6})\"", re.IGNORECASE)
_url = re.compile(r"https?://[^\s\"')]+")


def status_of(error: BaseException) -> int | None:
    """The answer's status; None without an answer. The last match counts: the server's text comes first."""
    found = _status.findall(str(error))
    return int(found[-1]) if found else None


def retry_after_of(error: BaseException) -> float | None:
    """The seconds of the answer's `Retry-After`; None without one, and for a date, whose clock is not ours.

    (obstore's errors have no headers, so a cloud's value is lost, and the pauses are our own.)
    """
    found = _retry_after.findall(str(error))
    return float(found[-1]) if found else None


def failure(provider: str, verb: str, key: str, error: BaseException) -> ProviderError:
    """Our error for one of opendal's, raised by `verb` for `key`."""
    kind, status = type(error).__name__, status_of(error)
    if kind == "NotFound" or status == 404:
        if verb in ("get", "head", "delete", "list"):
            return NotFound(provider, verb, key)
        return Unavailable(provider, verb, "the share or folder does not exist", Cause.MISSING)
    if status is None:
        return _unanswered(provider, verb, kind, str(error))
    if status < 300:
        return Unavailable(provider, verb, f"{status}: {not_the_provider}", Cause.PORTAL)
    if status in (401, 403):
        return Denied(provider, verb, str(status))
    if status in (413, 507):
        return Full(provider, verb, str(status))
    if status in (429, 503):
        throttled = Unavailable(provider, verb, str(status), Cause.THROTTLED)
        throttled.retry_after_s = retry_after_of(error)
        return throttled
    if status in (405, 409, 501):
        return Unsupported(provider, verb, f"{status}: {key}")
    if status in (408, 504):
        return Unavailable(provider, verb, str(status), Cause.TIMEOUT)
    if status == 423:
        return Unavailable(provider, verb, "423: locked by another client", Cause.CONFLICT)
    cause = Cause.SERVER if status >= 500 else Cause.UNKNOWN
    return Unavailable(provider, verb, str(status), cause)


def _unanswered(provider: str, verb: str, kind: str, text: str) -> ProviderError:
    if kind == "PermissionDenied":
        return Denied(provider, verb, "refused")
    if kind == "RateLimited":
        return Unavailable(provider, verb, "rate limited", Cause.THROTTLED)
    if kind in ("Unsupported", "IsADirectory", "NotADirectory"):
        return Unsupported(provider, verb, kind)
    cause, detail = silence(kind, _url.sub("", text))
    return (
        Denied(provider, verb, detail)
        if cause is Cause.DENIED
        else Unavailable(provider, verb, detail, cause)
    )
