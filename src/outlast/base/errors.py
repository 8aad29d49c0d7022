"""Every error that Outlast raises, in one tree.

OutlastError
|-- ConfigError                 settings, key file or providers are not what they should be
|-- ProviderError               one place that stores bytes said no, or said nothing
|   |-- NotFound                there is no such object
|   |-- Exists                  `create`: there is one already
|   |-- Unsupported             this provider cannot do that at all
|   |-- Denied                  credential or rights refused; asking again will not help
|   |   |-- Expired             the credential was good once
|   |   `-- Locked              a retention policy or lock of the provider's own forbids it
|   |-- Full                    no space, no quota
|   |-- Estranged               the provider answers, but it has lost its marker or is another store's
|   `-- Unavailable             refused, hanging, erring, throttled, breaker open: ask again later
|-- CodingError
|   |-- BadShares               some shares are damaged: which, and too few others remain
|   `-- Tampered                a seal does not verify: altered, swapped, or the wrong key
|-- QuorumError
|   |-- NoMajority              too few voters answered in time
|   `-- ForkedLog               two histories: a provider was rolled back, or the voters are not ours
`-- StoreError                  what a caller of the store may meet and should handle
    |-- StoreUnavailable        the store cannot do this now; nothing was acknowledged
    |   |-- WriteExpired        the write took too long; what it stored may be deleted already
    |   |-- ReadExpired         the read took too long; what it reads was overwritten, and is collected
    |   |-- WriteLost           providers were erased during the write; too few of its fragments count
    |   `-- StoreBusy           this process has no memory left for it
    |-- StoreFull               quotas are used up: the policy cannot be kept for more data
    |-- StoreCorrupt            data or catalog cannot be read back as written
    |   `-- LocalStateCorrupt   this machine's copy of the catalog is damaged: it is built anew from the log
    |-- NoSuchBucket, BucketExists, BucketNotEmpty, BadBucketName
    |-- NoSuchKey, KeyTooLong
    |-- PreconditionFailed      a conditional write or delete lost
    |-- NoSuchUpload, InvalidPart, InvalidPartOrder, PartTooSmall
    |-- EntityTooLarge
    `-- NoSuchAccessKey, AccessKeyExists

`ProviderError.cause` tells why in one word, for health, metrics and messages.
"""

from enum import StrEnum


class OutlastError(Exception):
    """The root of the tree."""


class ConfigError(OutlastError):
    """Settings, key file or providers are not what they should be. `remedy` says what to do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def reason(error: OSError | UnicodeError) -> str:
    """Why a file could not be read or written, in the operating system's words and without its number."""
    if isinstance(error, UnicodeError):
        return "it is not text"
    return error.strerror or str(error)


class Cause(StrEnum):
    """Why a provider failed, as far as can be told."""

    MISSING = "missing"
    EXISTS = "exists"
    CONFLICT = "conflict"
    UNSUPPORTED = "unsupported"
    DENIED = "denied"
    PERMISSION = "permission"
    READ_ONLY = "read-only"
    CLOCK = "clock"
    FULL = "full"
    ESTRANGED = "estranged"
    UNMOUNTED = "unmounted"
    REFUSED = "refused"
    DNS = "dns"
    TLS = "tls"
    PORTAL = "portal"
    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    SERVER = "server"
    RESET = "reset"
    SATURATED = "saturated"
    BREAKER = "breaker"
    CORRUPT = "corrupt"
    UNKNOWN = "unknown"


class ProviderError(OutlastError):
    """A provider said no, or said nothing. `provider` is its name in this store, `verb` what was asked."""

    cause = Cause.UNKNOWN
    drill = ""
    """What is to be said of the drill that made it fail; "" if it failed of itself."""

    def __init__(self, provider: str, verb: str, detail: str = "", cause: Cause | None = None) -> None:
        super().__init__(provider, verb, detail)
        self.provider = provider
        self.verb = verb
        self.detail = detail
        if cause is not None:
            self.cause = cause

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.provider}: {self.verb}: {self.cause}{detail}"


class NotFound(ProviderError):
    """There is no such object."""

    cause = Cause.MISSING


class Exists(ProviderError):
    """`create` found an object in the place."""

    cause = Cause.EXISTS


class Unsupported(ProviderError):
    """This provider cannot do that at all."""

    cause = Cause.UNSUPPORTED


class Denied(ProviderError):
    """The credential or its rights were refused."""

    cause = Cause.DENIED


class Expired(Denied):
    """The credential has expired."""


class Locked(Denied):
    """The provider keeps objects from being written or deleted: object lock, legal hold, immutability."""


class Full(ProviderError):
    """No space or no quota is left."""

    cause = Cause.FULL


class Estranged(ProviderError):
    """The provider answers, but its marker is gone or names another store: it was erased or swapped."""

    cause = Cause.ESTRANGED


class Unavailable(ProviderError):
    """No (useful) answer this time. For a `put` or `create` it may have happened all the same."""

    retry_after_s: float | None = None
    """For how long the provider asks to be left alone, in seconds; None if it does not say."""


class CodingError(OutlastError):
    """Bytes cannot be turned back into what was written."""


class BadShares(CodingError):
    """Shares with the indices in `bad` are damaged."""

    def __init__(self, bad: frozenset[int], message: str = "") -> None:
        super().__init__(message or f"damaged shares: {sorted(bad)}")
        self.bad = bad


class Tampered(CodingError):
    """A seal does not verify."""


class QuorumError(OutlastError):
    """The voters did not agree, or not in time."""


class NoMajority(QuorumError):
    """Too few voters answered in time. What was proposed may still be decided later."""


class ForkedLog(QuorumError):
    """The log's hash chain is broken."""


class StoreError(OutlastError):
    """What a caller of the store may meet."""


class StoreUnavailable(StoreError):
    """The store cannot do this now. Nothing was acknowledged."""


class WriteExpired(StoreUnavailable):
    """The write took so long that its fragments may be deleted already. Writing again is right."""


class ReadExpired(StoreUnavailable):
    """What is read was overwritten or deleted so long ago that it is collected. Reading again is right."""


class WriteLost(StoreUnavailable):
    """Providers were erased during the write, so that too few fragments are left. Writing again is right."""


class StoreBusy(StoreUnavailable):
    """More is asked of this process at once than it has memory for. Nothing is wrong with the store."""


class StoreFull(StoreError):
    """The quotas of so many providers are used up that no more data can be placed as the policy wants."""


class StoreCorrupt(StoreError):
    """Something written cannot be read back, though enough providers answered."""


class LocalStateCorrupt(StoreCorrupt):
    """This machine's copy of the catalog is damaged. What is at the providers is not concerned."""


class NoSuchBucket(StoreError):
    """There is no bucket of that name."""


class BucketExists(StoreError):
    """There is a bucket of that name already."""


class BucketNotEmpty(StoreError):
    """The bucket still holds objects."""


class BadBucketName(StoreError):
    """The name breaks S3's rules for bucket names."""


class NoSuchKey(StoreError):
    """There is no object of that key."""


class KeyTooLong(StoreError):
    """The key is longer than `limits.key_bytes_max`."""


class PreconditionFailed(StoreError):
    """The condition of a write, delete or read does not hold."""


class NoSuchUpload(StoreError):
    """There is no such multipart upload: never begun, completed, or aborted."""


class InvalidPart(StoreError):
    """A part named on completion was not uploaded, or has another ETag."""


class InvalidPartOrder(StoreError):
    """The parts named on completion are not in ascending order."""


class PartTooSmall(StoreError):
    """A part other than the last is smaller than `limits.part_bytes_min`."""


class EntityTooLarge(StoreError):
    """The object or part is larger than S3 allows."""


class NoSuchAccessKey(StoreError):
    """There is no access key of that name or id."""


class AccessKeyExists(StoreError):
    """There is an access key of that name already."""
