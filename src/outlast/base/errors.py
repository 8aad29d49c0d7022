"""Every error that Outlast raises, in one tree.

OutlastError
|-- ConfigError                 settings, key file, or providers are wrong
|-- ProviderError               a provider refused an operation or did not answer
|   |-- NotFound                there is no such object
|   |-- Exists                  `create`: the object already exists
|   |-- Unsupported             this provider does not support the operation at all
|   |-- Denied                  credential or permissions refused; retrying will not help
|   |   |-- Expired             the credential has expired
|   |   `-- Locked              the provider's own retention policy or lock forbids it
|   |-- Full                    no space or quota left
|   |-- Estranged               the provider answers, but has lost its marker or belongs to another store
|   `-- Unavailable             refused, hanging, failing, throttled, or breaker open: retry later
|-- CodingError
|   |-- BadShares               some shares are damaged (it names them), and too few others remain
|   `-- Tampered                a seal does not verify: altered, swapped, or the wrong key
|-- QuorumError
|   |-- NoMajority              too few voters answered in time
|   `-- ForkedLog               two histories: a provider was rolled back, or the voters are not ours
`-- StoreError                  what callers of the store should handle
    |-- StoreUnavailable        the store cannot do this now; nothing was acknowledged
    |   |-- WriteExpired        the write took too long; what it stored may already be deleted
    |   |-- ReadExpired         the read took too long; its data was overwritten and collected
    |   |-- WriteLost           providers were erased during the write; too few of its fragments count
    |   `-- StoreBusy           this process has no memory left for the request
    |-- StoreFull               quotas are used up: more data cannot be placed under the policy
    |-- StoreCorrupt            data or catalog cannot be read back as written
    |   `-- LocalStateCorrupt   this machine's copy of the catalog is damaged and is rebuilt from the log
    |-- NoSuchBucket, BucketExists, BucketNotEmpty, BadBucketName
    |-- NoSuchKey, KeyTooLong
    |-- PreconditionFailed      a conditional write or delete lost
    |-- NoSuchUpload, InvalidPart, InvalidPartOrder, PartTooSmall
    |-- EntityTooLarge
    `-- NoSuchAccessKey, AccessKeyExists

`ProviderError.cause` gives the reason in one word, for health, metrics, and messages.
"""

from enum import StrEnum


class OutlastError(Exception):
    """The root of the tree."""


class ConfigError(OutlastError):
    """Settings, key file, or providers are wrong. `remedy` says what to do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def reason(error: OSError | UnicodeError) -> str:
    """Why a file could not be read or written: the operating system's message without the error number."""
    if isinstance(error, UnicodeError):
        return "it is not text"
    return error.strerror or str(error)


class Cause(StrEnum):
    """Why a provider failed, as far as is known."""

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
    """A provider refused an operation or did not answer.

    `provider` is its name in this store, `verb` the operation.
    """

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
    """`create` found that the object already exists."""

    cause = Cause.EXISTS


class Unsupported(ProviderError):
    """This provider does not support the operation at all."""

    cause = Cause.UNSUPPORTED


class Denied(ProviderError):
    """The credential was refused, or it lacks the permissions."""

    cause = Cause.DENIED


class Expired(Denied):
    """The credential has expired."""


class Locked(Denied):
    """The provider prevents objects from being written or deleted: object lock, legal hold, immutability."""


class Full(ProviderError):
    """No space or no quota is left."""

    cause = Cause.FULL


class Estranged(ProviderError):
    """The provider answers, but its marker is missing or names another store: it was erased or swapped."""

    cause = Cause.ESTRANGED


class Unavailable(ProviderError):
    """No (useful) answer this time. A `put` or `create` may have taken effect anyway."""

    retry_after_s: float | None = None
    """How long the provider asks clients to wait before they retry, in seconds; None if it does not say."""


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
    """The base of the errors that callers of the store should handle."""


class StoreUnavailable(StoreError):
    """The store cannot do this now. Nothing was acknowledged."""


class WriteExpired(StoreUnavailable):
    """The write took so long that its fragments may already be deleted. The caller should write again."""


class ReadExpired(StoreUnavailable):
    """The object was overwritten or deleted during the read, and its old data has been collected.

    The caller should read again.
    """


class WriteLost(StoreUnavailable):
    """Providers were erased during the write; too few fragments are left. The caller should write again."""


class StoreBusy(StoreUnavailable):
    """This process has no memory left for another request. Nothing is wrong with the store."""


class StoreFull(StoreError):
    """Too many providers have used up their quotas: no more data can be placed under the policy."""


class StoreCorrupt(StoreError):
    """Stored data cannot be read back, although enough providers answered."""


class LocalStateCorrupt(StoreCorrupt):
    """This machine's copy of the catalog is damaged. The data at the providers is not affected."""


class NoSuchBucket(StoreError):
    """There is no bucket of that name."""


class BucketExists(StoreError):
    """A bucket of that name already exists."""


class BucketNotEmpty(StoreError):
    """The bucket still holds objects."""


class BadBucketName(StoreError):
    """The name breaks S3's rules for bucket names."""


class NoSuchKey(StoreError):
    """There is no object with that key."""


class KeyTooLong(StoreError):
    """The key is longer than `limits.key_bytes_max`."""


class PreconditionFailed(StoreError):
    """The condition of a write, delete, or read does not hold."""


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
    """An access key of that name already exists."""
