"""Query parameters as values."""

import base64
import binascii
import re

from outlast.base.limits import parts_max
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.uri import Query

_NUMBER = re.compile(r"[0-9]{1,10}").fullmatch


def argument_error(name: str, value: str, message: str) -> S3Error:
    """Return `InvalidArgument` in S3's form."""
    return S3Error("InvalidArgument", message, extra={"ArgumentName": name, "ArgumentValue": value})


def number(query: Query, name: str, default: int, *, low: int = 0, high: int = 2**31 - 1) -> int:
    """Return the parameter as a number in [low, high], or `InvalidArgument`; `default` if it is missing."""
    text = query.get(name)
    if text is None or text == "":
        return default
    value = int(text) if _NUMBER(text) else -1
    if not low <= value <= high:
        raise argument_error(name, text, f"{name} must be a number from {low} to {high}.")
    return value


def part_number(query: Query) -> int:
    """Return the part number that a request names. `InvalidArgument`, also if it names none."""
    text = query.get("partNumber", "")
    value = int(text) if _NUMBER(text) else 0
    if not 1 <= value <= parts_max:
        raise argument_error(
            "partNumber", text, f"Part number must be an integer between 1 and {parts_max}, inclusive"
        )
    return value


def page_size(query: Query, name: str, most: int) -> int:
    """Return how many entries a list may have: what the client requests, but at most `most`."""
    return min(number(query, name, most), most)


def token(text: str) -> str:
    """Return a continuation token for `text`. Opaque to clients, printable, stateless."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_token(name: str, value: str) -> str:
    """Return the text of a continuation token."""
    try:
        return base64.b64decode(value.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise argument_error(name, value, "The continuation token provided is incorrect") from error
