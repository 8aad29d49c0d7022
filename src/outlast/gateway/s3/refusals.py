"""Unsupported features that would change a request's meaning: refused, never ignored.

A client that requests a public ACL, a lock, or a key of its own and gets `200 OK` believes that it has it.
So every header and parameter of S3's model is either honored somewhere, or listed here with the values
that are true of every object anyway. What S3 itself does not know is ignored, as in S3.
"""

from collections.abc import Mapping

from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.parameters import argument_error

_NOTHING: frozenset[str] = frozenset()

# Header -> the values that request only what holds anyway.
HEADERS: Mapping[str, frozenset[str]] = {
    # Access keys define who may read and write, the same for every object of a bucket.
    "x-amz-acl": frozenset({"private", "bucket-owner-full-control"}),
    "x-amz-grant-full-control": _NOTHING,
    "x-amz-grant-read": _NOTHING,
    "x-amz-grant-read-acp": _NOTHING,
    "x-amz-grant-write": _NOTHING,
    "x-amz-grant-write-acp": _NOTHING,
    "x-amz-object-ownership": frozenset({"BucketOwnerEnforced"}),
    "x-amz-bucket-namespace": frozenset({"global"}),
    # Everything is sealed with AES-256 under the store's own keys.
    "x-amz-server-side-encryption": frozenset({"AES256"}),
    "x-amz-server-side-encryption-aws-kms-key-id": _NOTHING,
    "x-amz-server-side-encryption-context": _NOTHING,
    "x-amz-server-side-encryption-bucket-key-enabled": frozenset({"false"}),
    "x-amz-server-side-encryption-customer-algorithm": _NOTHING,
    "x-amz-server-side-encryption-customer-key": _NOTHING,
    "x-amz-server-side-encryption-customer-key-md5": _NOTHING,
    "x-amz-copy-source-server-side-encryption-customer-algorithm": _NOTHING,
    "x-amz-copy-source-server-side-encryption-customer-key": _NOTHING,
    "x-amz-copy-source-server-side-encryption-customer-key-md5": _NOTHING,
    "x-amz-storage-class": frozenset({"STANDARD"}),
    # No object has tags, annotations, locks, or redirects: copying none of them is what was requested.
    "x-amz-tagging": frozenset({""}),
    "x-amz-tagging-directive": frozenset({"COPY", "REPLACE"}),
    "x-amz-object-annotation-directive": frozenset({"COPY", "EXCLUDE"}),
    "x-amz-website-redirect-location": _NOTHING,
    "x-amz-bucket-object-lock-enabled": frozenset({"false", "False"}),
    "x-amz-object-lock-mode": _NOTHING,
    "x-amz-object-lock-retain-until-date": _NOTHING,
    "x-amz-object-lock-legal-hold": frozenset({"OFF"}),
    "x-amz-object-lock-event-hold": frozenset({"OFF"}),
    "x-amz-object-lock-event-hold-duration-days": _NOTHING,
    "x-amz-object-lock-event-hold-duration-years": _NOTHING,
    "x-amz-mfa": _NOTHING,
    # Conditions and modes of directory buckets.
    "x-amz-write-offset-bytes": _NOTHING,
    "x-amz-if-match-last-modified-time": _NOTHING,
    "x-amz-if-match-size": _NOTHING,
    "x-amz-if-match-initiated-time": _NOTHING,
    # Checksums that are neither verified nor kept.
    "x-amz-checksum-md5": _NOTHING,
    "x-amz-checksum-sha512": _NOTHING,
    "x-amz-checksum-xxhash3": _NOTHING,
    "x-amz-checksum-xxhash64": _NOTHING,
    "x-amz-checksum-xxhash128": _NOTHING,
}

# All values that S3 has for a header. Other values are wrong, not unsupported.
KNOWN: Mapping[str, frozenset[str]] = {
    name: frozenset(values.split())
    for name, values in {
        "x-amz-storage-class": "STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING"
        " GLACIER DEEP_ARCHIVE OUTPOSTS GLACIER_IR SNOW EXPRESS_ONEZONE FSX_OPENZFS FSX_ONTAP AWS_BACKUP_WARM"
        " AWS_BACKUP_LOW_COST_WARM",
        "x-amz-server-side-encryption": "AES256 aws:fsx aws:backup aws:kms aws:kms:dsse",
        "x-amz-acl": "private public-read public-read-write authenticated-read aws-exec-read"
        " bucket-owner-read bucket-owner-full-control",
        "x-amz-tagging-directive": "COPY REPLACE",
        "x-amz-object-lock-mode": "GOVERNANCE COMPLIANCE",
        "x-amz-object-lock-legal-hold": "ON OFF",
        "x-amz-object-ownership": "BucketOwnerPreferred ObjectWriter BucketOwnerEnforced",
    }.items()
}

# Only one account owns the buckets, and it has no number: any expected number is wrong.
OWNER_HEADERS = frozenset({"x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"})

# Parameter -> the values that are true of every object. There are no older versions.
PARAMETERS: Mapping[str, frozenset[str]] = {"versionId": frozenset({"null"})}


def refuse_headers(headers: Mapping[str, str]) -> None:
    """Raise `NotImplemented` (or `AccessDenied`) for the first header that requests an unsupported feature.

    `InvalidArgument` or `InvalidStorageClass` for values that S3 does not have either.
    """
    for name in headers:
        # Nearly every request has a handful of these, and hardly any is in the table.
        if name[:6].lower() != "x-amz-":
            continue
        lower = name.lower()
        allowed = HEADERS.get(lower)
        if allowed is not None and headers[name] not in allowed:
            raise _refusal(lower, headers[name])
        if lower in OWNER_HEADERS:
            raise S3Error("AccessDenied", "The bucket is not owned by the account that you expect.")


def _refusal(name: str, value: str) -> S3Error:
    if value in KNOWN.get(name, (value,)):
        return S3Error("NotImplemented", extra={"Header": name})
    if name == "x-amz-storage-class":
        return S3Error("InvalidStorageClass", extra={"StorageClassRequested": value})
    return argument_error(name, value, f"S3 has no such value of {name}.")


def refuse_parameters(query: Mapping[str, str]) -> None:
    """The same for query parameters. `InvalidArgument` for an empty one."""
    for name, allowed in PARAMETERS.items():
        if query.get(name) == "":
            raise argument_error(name, "", f"{name} cannot be the empty string")
        if name in query and query[name] not in allowed:
            raise S3Error("NotImplemented", extra={"ParameterName": name, "ArgumentValue": query[name]})
