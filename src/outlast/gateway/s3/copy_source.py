"""Where a copy comes from: `x-amz-copy-source` and the conditions that go with it."""

from collections.abc import Callable

from outlast.catalog.records import Version
from outlast.gateway.s3.access import authorise_bucket
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.conditions import check_copy_source
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.operations import COPY_SOURCE
from outlast.gateway.s3.parameters import argument_error
from outlast.gateway.s3.uri import split_path

_VERSION = "?versionId="


def copy_source(call: S3Call) -> tuple[str, str]:
    """(bucket, key) of the source, which the access key may read. `InvalidArgument`, `AccessDenied`."""
    text = call.headers[COPY_SOURCE].replace("+", " ")  # it is encoded like a query, not like a path
    path, mark, version = text.partition(_VERSION)
    if mark and version != "null":
        raise S3Error("NotImplemented", "There are no older versions.", extra={"Header": COPY_SOURCE})
    bucket, key = split_path("/" + path.removeprefix("/"))
    if not bucket or not key:
        raise argument_error(
            COPY_SOURCE, text, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        )
    authorise_bucket(call.auth.access_key, bucket)
    return bucket, key


def source_check(call: S3Call) -> Callable[[Version], None]:
    """What the source must fulfil; raises `PreconditionFailed`."""
    headers = call.headers

    def check(version: Version) -> None:
        check_copy_source(headers, version.etag, version.modified)

    return check
