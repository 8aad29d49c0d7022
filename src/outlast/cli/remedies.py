"""What to do about each error that a command may end with."""

from types import UnionType

from outlast.base import errors
from outlast.providers import trouble

_REMEDIES: tuple[tuple[type[Exception] | UnionType, str], ...] = (
    (
        errors.NoSuchBucket,
        "see what there is with: outlast bucket list; make one with: outlast bucket create NAME",
    ),
    (errors.BucketExists, "use it as it is, or choose another name"),
    (errors.BucketNotEmpty, "empty it first: outlast rm -r NAME"),
    (errors.BadBucketName, "use 3 to 63 lower-case letters, digits, dots and hyphens, as in S3"),
    (errors.NoSuchKey, "see what there is with: outlast ls BUCKET/PREFIX"),
    (errors.KeyTooLong, "keys have at most 1024 bytes in UTF-8"),
    (errors.NoSuchAccessKey, "see what there is with: outlast key list"),
    (errors.AccessKeyExists, "choose another name, or delete it first: outlast key delete NAME"),
    (errors.ReadExpired, "read it again"),
    (errors.WriteExpired | errors.WriteLost, "write it again"),
    (errors.StoreBusy, "try again when this computer has less to do"),
    (errors.StoreUnavailable, "see which providers answer with: outlast status; then try again"),
    (
        errors.StoreFull,
        "raise the quotas in the providers' URLs, or delete something and run: outlast collect",
    ),
    (errors.LocalStateCorrupt, "try again: the local catalog was removed, and will be rebuilt from the log"),
    (
        errors.StoreCorrupt,
        "see what is missing with: outlast repair; the data may be at a provider that is unavailable",
    ),
    (errors.ForkedLog, "a provider was rolled back, or belongs to another store: outlast doctor"),
    (errors.QuorumError, "more voters must answer; see which do with: outlast status"),
    (errors.Tampered, "the key file may be another store's: outlast doctor"),
)


def remedy_for(error: Exception) -> str:
    """One line of advice; "" where there is none to give."""
    if isinstance(error, errors.ProviderError):
        return trouble.of_error(error).remedy
    for kind, remedy in _REMEDIES:
        if isinstance(error, kind):
            return remedy
    return ""
