"""The source of a copy: `x-amz-copy-source` and its conditions."""

from collections.abc import Callable

from outlast.catalog.records import Version
from outlast.gateway.s3.access import authorize_bucket
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.conditions import check_copy_source
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.operations import COPY_SOURCE
from outlast.gateway.s3.parameters import argument_error
from outlast.gateway.s3.uri import split_path

_VERSION = "?versionId="


def copy_source(call: S3Call) -> tuple[str, str]:
    """Return the source's (bucket, key), which the access key may read. `InvalidArgument`, `AccessDenied`."""
    text = call.headers[COPY_SOURCE].replace("+", " ")  # it is encoded like a query, not like a path
    path, mark, version = text.partition(_VERSION)
    if mark and version != "null":
        raise S3Error("NotImplemented", "There are no older versions.", extra={"Header": COPY_SOURCE})
    bucket, key = split_path("/" + path.removeprefix("/"))
    if not bucket or not key:
        raise argument_error(
            COPY_SOURCE, text, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        )
    authorize_bucket(call.auth.access_key, bucket)
    return bucket, key


def source_check(call: S3Call) -> Callable[[Version], None]:
    """Return a check of the source's conditions; the check raises `PreconditionFailed`."""
    headers = call.headers

    def check(version: Version) -> None:
        check_copy_source(headers, version.etag, version.modified)

    return check
