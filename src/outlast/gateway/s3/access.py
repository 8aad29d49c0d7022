"""What an access key may do: everything, or only read, or only in one bucket, or both.

Checked after the signature has been verified and before an answer reveals what exists, so that a key
of one bucket learns nothing about the others.
"""

from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.operations import Operation
from outlast.store import AccessKey


def authorize(key: AccessKey, operation: Operation, bucket: str) -> None:
    """Raise `AccessDenied` unless `key` may do `operation` in `bucket` ("" for the service)."""
    if key.read_only and operation.writes:
        raise S3Error("AccessDenied", "This access key may only read.")
    if bucket:
        authorize_bucket(key, bucket)


def authorize_bucket(key: AccessKey, bucket: str) -> None:
    """Raise `AccessDenied` unless `key` may see `bucket`. For the source of a copy, too."""
    if key.bucket and key.bucket != bucket:
        raise S3Error("AccessDenied", "This access key is for another bucket.")
