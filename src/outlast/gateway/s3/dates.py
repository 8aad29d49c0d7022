"""S3's three formats of a point in time: HTTP dates, SigV4 time stamps, and ISO 8601 in XML.

The catalog keeps milliseconds; HTTP dates and SigV4 time stamps have seconds only, so a comparison with
them is made in whole seconds. Everything is UTC. Formatting is done by hand and cached for the second:
`strftime` costs more than the rest of a small response's headers.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_AMZ_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII).fullmatch


def http_date(ms: int) -> str:
    """Milliseconds since the Unix epoch as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7)."""
    return _http_date(ms // 1000)


@lru_cache(maxsize=4096)
def _http_date(seconds: int) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} "
        f"{at.hour:02}:{at.minute:02}:{at.second:02} GMT"
    )


@lru_cache(maxsize=256)
def parse_http_date(text: str) -> int | None:
    """Seconds since the Unix epoch, or None if it is not a date. Also reads RFC 850 and asctime dates."""
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # A date without a zone is an asctime date, which RFC 9110 takes as UTC.
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def amz_date(seconds: int) -> str:
    """Seconds since the Unix epoch as `20130524T000000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=256)  # the requests of one second share it
def parse_amz_date(text: str) -> int | None:
    """Seconds since the Unix epoch of a SigV4 time stamp, or None if it is not one."""
    if (found := _AMZ_DATE(text)) is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return None


def iso_date(ms: int) -> str:
    """Milliseconds since the Unix epoch as `2013-05-24T00:00:00.000Z`, S3's form in XML."""
    return f"{_iso_second(ms // 1000)}.{ms % 1000:03}Z"


@lru_cache(maxsize=4096)
def _iso_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
