"""An object's attributes as a client sends them and receives them: headers in, headers out.

Header values come as aiohttp decodes them: UTF-8 with lone surrogates for bytes that are not UTF-8. They are
kept as Unicode, with such bytes read as Latin-1, as HTTP once defined. Metadata beyond ASCII is returned as
S3 does, in the encoded words of RFC 2047: most clients read headers as Latin-1, and some of those bytes end a
header for them.
"""

from base64 import b64encode
from collections.abc import Mapping

from multidict import CIMultiDictProxy

from outlast.base.limits import metadata_bytes_max
from outlast.catalog.records import Attributes, Checksum, Version
from outlast.gateway.s3.checksums import header_name
from outlast.gateway.s3.conditions import http_date
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.parameters import argument_error
from outlast.gateway.s3.payload import stored_content_encoding
from outlast.gateway.s3.uri import Query

_METADATA = "x-amz-meta-"
_KEPT = frozenset(
    {
        "content-type",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "expires",
    }
)
_SENT = {
    "content-type": "Content-Type",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
}
# This holds for everything that is stored, and is returned as S3 returns it.
ENCRYPTION = {"x-amz-server-side-encryption": "AES256"}
# An encoded word has at most 75 characters (RFC 2047, section 2); 45 bytes are 60 of them in base64.
_WORD_BYTES_MAX = 45
# What S3 returns for an object without a content type.
DEFAULT_TYPE = "binary/octet-stream"

# Parameters that replace a header of the response.
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
}


def _text(value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value


def read_attributes(headers: CIMultiDictProxy[str]) -> Attributes:
    """Return the content headers and the user's metadata of an upload. Raises `MetadataTooLarge`."""
    kept: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower in _KEPT:
            kept[lower] = _text(value)
        elif lower.startswith(_METADATA):
            field = _text(lower[len(_METADATA) :])
            metadata[field] = f"{metadata[field]},{_text(value)}" if field in metadata else _text(value)
    if "content-encoding" in kept:
        _set_encoding(kept, headers)
    if metadata and sum(len(n.encode()) + len(v.encode()) for n, v in metadata.items()) > metadata_bytes_max:
        raise S3Error("MetadataTooLarge", extra={"MaxSizeAllowed": str(metadata_bytes_max)})
    return Attributes(kept, metadata)


def _set_encoding(kept: dict[str, str], headers: CIMultiDictProxy[str]) -> None:
    """Leave out `aws-chunked`, which is about the upload and not about the object."""
    encoding = stored_content_encoding(headers)
    if encoding is None:
        del kept["content-encoding"]
    else:
        kept["content-encoding"] = encoding


def version_headers(version: Version, *, checksum: bool) -> dict[str, str]:
    """Return a version's headers for GET and HEAD, without its length. `checksum`: the object's, if known."""
    headers = {
        "ETag": f'"{version.etag}"',
        "Last-Modified": http_date(version.modified),
        "Accept-Ranges": "bytes",
        "Content-Type": DEFAULT_TYPE,
        **ENCRYPTION,
    }
    for name, value in version.attributes.headers.items():
        headers[_SENT[name]] = value
    for name, value in version.attributes.metadata.items():
        headers[_METADATA + name] = value if value.isascii() else _encoded_words(value)
    if checksum and version.checksum is not None:
        headers.update(checksum_headers(version.checksum))
    return headers


def _encoded_words(value: str) -> str:
    """Return the value in encoded words; readers join them again without the spaces between them."""
    words, word = [], b""
    for letter in value:
        encoded = letter.encode()
        if len(word) + len(encoded) > _WORD_BYTES_MAX:
            words.append(word)
            word = b""
        word += encoded
    return " ".join(f"=?UTF-8?B?{b64encode(one).decode()}?=" for one in (*words, word))


def checksum_headers(checksum: Checksum | None) -> Mapping[str, str]:
    """Return a checksum as response headers."""
    if checksum is None:
        return {}
    return {header_name(checksum.algorithm): checksum.value, "x-amz-checksum-type": checksum.kind}


def override(target: dict[str, str], query: Query) -> None:
    """Replace headers in `target` with those in the `response-*` parameters."""
    for name, value in query.items():
        header = _OVERRIDES.get(name)
        if header is not None:
            if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
                raise argument_error(name, value, "Header value cannot be represented.")
            target[header] = value
