"""The names that S3 allows for buckets and keys.

Bucket names follow S3's rules for general purpose buckets, so that every client can use them in a host name;
keys are opaque Unicode of 1 to 1024 bytes of UTF-8 (`..`, `//`, and NUL have no meaning here).
"""

import re

from outlast.base import limits
from outlast.base.errors import BadBucketName, KeyTooLong, NoSuchKey

_bucket_form = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
_ip_address_form = re.compile(r"\d+\.\d+\.\d+\.\d+")
_reserved_prefixes = ("xn--", "sthree-", "amzn-s3-demo-")
_reserved_suffixes = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket_name(name: str) -> None:
    """Raise `BadBucketName` unless a bucket may be created with this name."""
    if not _bucket_form.fullmatch(name):
        raise BadBucketName(
            f"{name!r}: 3 to 63 of a-z, 0-9, '.' and '-', a letter or digit at both ends",
        )
    if ".." in name or _ip_address_form.fullmatch(name):
        raise BadBucketName(f"{name!r}: adjacent periods or the form of an IP address")
    if name.startswith(_reserved_prefixes) or name.endswith(_reserved_suffixes):
        raise BadBucketName(f"{name!r}: this prefix or suffix is reserved by S3")


def check_key(key: str) -> None:
    """Raise `KeyTooLong`, or `NoSuchKey` for what can never be a key: empty, or not encodable as UTF-8."""
    if len(key) > limits.key_bytes_max:
        raise KeyTooLong(f"{len(key)} characters, at most {limits.key_bytes_max} bytes")
    try:
        count = len(key.encode())
    except UnicodeEncodeError as error:
        raise NoSuchKey(f"{key!r} is not Unicode: {error.reason}") from None
    if count > limits.key_bytes_max:
        raise KeyTooLong(f"{count} bytes, at most {limits.key_bytes_max}")
    if not count:
        raise NoSuchKey("the empty key")
