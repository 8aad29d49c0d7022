"""`outlast://BUCKET/KEY`, and what a path on the command line means."""

from dataclasses import dataclass

from outlast.cli.declare import UsageError

SCHEME = "outlast://"


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket and a key, or the beginning of keys; `key` may be empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


def parse_address(text: str) -> Address:
    """`outlast://BUCKET/KEY`, or without the scheme. Usage error without a bucket; keys are as they are."""
    check_unicode(text)
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise UsageError(f"{text!r} names no bucket: outlast://BUCKET/KEY")
    return Address(bucket, key)


def parse_object(text: str) -> Address:
    """The address of one object: `parse_address`, with a usage error also without a key."""
    address = parse_address(text)
    if not address.key:
        raise UsageError(f"{text} names a bucket and no object in it: {SCHEME}{address.bucket}/KEY")
    return address


def check_unicode(name: str) -> None:
    """Raise `UsageError` for a name whose bytes are not UTF-8, which no key can be."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name!r} is not UTF-8, and a key must be: name the key") from None


def is_remote(text: str) -> bool:
    """Whether this is in the store rather than a path of this machine."""
    return text.startswith(SCHEME)


def as_folder(key: str) -> str:
    """`key` as the beginning of the keys "in" it: "a" is "a/", "" stays empty."""
    return key if not key or key.endswith("/") else key + "/"


def inside(relative: str) -> bool:
    """Whether a key, taken as a path below some folder, is a file in that folder and nowhere else."""
    return "\0" not in relative and all(part not in ("", ".", "..") for part in relative.split("/"))
