"""The request line as S3 reads it: raw path to bucket and key, raw query to parameters.

Keys are opaque. Nothing here normalizes: `..`, `//`, `.`, and `%2F` are parts of a key like any other
characters, so a key never becomes a path on this machine or another key. Percent escapes are decoded
once, as UTF-8, and bytes that are not UTF-8 are refused (`InvalidURI`), because a key is Unicode.

In a path `+` is a plus; in a query it is a space. Raw text comes from aiohttp: bytes of the wire decoded
as UTF-8 with `surrogateescape`.
"""

import re
from functools import lru_cache
from urllib.parse import quote, quote_from_bytes, quote_plus, unquote_to_bytes

from outlast.gateway.s3.errors import S3Error

# What SigV4 does not encode. quote() itself never encodes letters, digits, and "_.-~".
_PATH_SAFE = "/"
_QUERY_SAFE = ""
_CANONICAL_PATH = re.compile(r"[A-Za-z0-9\-._~/]*").fullmatch
_PLAIN = re.compile(r"[A-Za-z0-9\-._~]*").fullmatch


class Query(dict[str, str]):
    """Decoded parameters of a query. `?acl` is {"acl": ""}; the first of repeated names wins.

    `pairs` holds all of them in the order of the request line.
    """

    __slots__ = ("pairs",)

    pairs: tuple[tuple[str, str], ...]

    def __init__(self, pairs: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reversed(pairs))
        self.pairs = pairs


def _bytes(raw: str) -> bytes:
    """Return the bytes of the wire. Lone surrogates that no wire can carry are refused like bad UTF-8."""
    try:
        return raw.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise S3Error("InvalidURI") from error


def _decode(raw: str) -> str:
    if "%" not in raw and raw.isascii():
        return raw
    try:
        return unquote_to_bytes(_bytes(raw)).decode()
    except UnicodeDecodeError as error:
        raise S3Error("InvalidURI", "The specified URI is not valid UTF-8.") from error


def decode_path(raw_path: str) -> str:
    """A raw path with its escapes decoded, otherwise untouched. `InvalidURI` if it is not UTF-8."""
    return _decode(raw_path)


def split_path(raw_path: str) -> tuple[str, str]:
    """Return (bucket, key) of a path-style request, both decoded; "" if missing.

    The first slash after the bucket divides them, escaped or not, as in S3, which decodes before it splits.
    """
    bucket, _, key = _decode(raw_path).removeprefix("/").partition("/")
    return bucket, key


def parse_query(raw_query: str) -> Query:
    """The parameters of a raw query (the text after "?", without it). `InvalidURI` if it is not UTF-8."""
    if not raw_query:
        return Query()
    pairs = []
    for field in raw_query.split("&"):
        if field:
            name, _, value = field.replace("+", " ").partition("=")
            pairs.append((_decode(name), _decode(value)))
    return Query(tuple(pairs))


def canonical_path(raw_path: str) -> str:
    """Return the path as SigV4 signs it for S3: decoded once, then encoded once, slashes kept."""
    if _CANONICAL_PATH(raw_path):
        return raw_path
    return quote_from_bytes(unquote_to_bytes(_bytes(raw_path)), safe=_PATH_SAFE)


@lru_cache(maxsize=1024)  # parameter names, and many of their values, are always the same
def _quote_short(text: str) -> str:
    return quote(text, safe=_QUERY_SAFE)


def _quote(text: str) -> str:
    if _PLAIN(text):
        return text
    return _quote_short(text) if len(text) <= 64 else quote(text, safe=_QUERY_SAFE)


def canonical_query(query: Query, without: str | None = None) -> str:
    """Return the query as SigV4 signs it: encoded and sorted. `without` is the parameter to leave out."""
    if not query:
        return ""
    pairs = sorted((_quote(name), _quote(value)) for name, value in query.pairs if name != without)
    return "&".join([f"{name}={value}" for name, value in pairs])


def quote_key(text: str) -> str:
    """Return a key as S3 writes it for `encoding-type=url`: slashes kept, a space is "+"."""
    return quote_plus(text, safe="/")
