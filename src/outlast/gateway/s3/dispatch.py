"""Which function serves which operation.

Operations that are not here are refused by name. `docs/reference/s3-compatibility.md` is generated from this
table and the first lines of the functions' docstrings, so it describes what is served.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from outlast.gateway.s3.buckets import (
    create_bucket,
    delete_bucket,
    get_bucket_location,
    head_bucket,
    list_buckets,
)
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.copy_object import copy_object
from outlast.gateway.s3.delete_object import delete_object, delete_objects
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.get_object import get_object, head_object
from outlast.gateway.s3.list_objects import list_objects, list_objects_v2
from outlast.gateway.s3.list_uploads import list_multipart_uploads
from outlast.gateway.s3.multipart import (
    abort_multipart_upload,
    complete_multipart_upload,
    create_multipart_upload,
)
from outlast.gateway.s3.operations import Level, Operation, find, markers_of
from outlast.gateway.s3.parts import list_parts, upload_part, upload_part_copy
from outlast.gateway.s3.put_object import put_object
from outlast.gateway.s3.unset import (
    get_bucket_acl,
    get_bucket_versioning,
    get_object_acl,
    get_object_tagging,
)

Handler: TypeAlias = Callable[[S3Call], Awaitable[web.StreamResponse]]

HANDLERS: Mapping[str, Handler] = {
    "AbortMultipartUpload": abort_multipart_upload,
    "CompleteMultipartUpload": complete_multipart_upload,
    "CopyObject": copy_object,
    "CreateBucket": create_bucket,
    "CreateMultipartUpload": create_multipart_upload,
    "DeleteBucket": delete_bucket,
    "DeleteObject": delete_object,
    "DeleteObjects": delete_objects,
    "GetBucketAcl": get_bucket_acl,
    "GetBucketLocation": get_bucket_location,
    "GetBucketVersioning": get_bucket_versioning,
    "GetObject": get_object,
    "GetObjectAcl": get_object_acl,
    "GetObjectTagging": get_object_tagging,
    "HeadBucket": head_bucket,
    "HeadObject": head_object,
    "ListBuckets": list_buckets,
    "ListMultipartUploads": list_multipart_uploads,
    "ListObjects": list_objects,
    "ListObjectsV2": list_objects_v2,
    "ListParts": list_parts,
    "PutObject": put_object,
    "UploadPart": upload_part,
    "UploadPartCopy": upload_part_copy,
}


def operation_of(call: S3Call) -> Operation:
    """Return the operation that a request names. `MethodNotAllowed`, `InvalidArgument`, `NotImplemented`."""
    level: Level = "object" if call.key else "bucket" if call.bucket else "service"
    method = call.request.method
    markers = markers_of(call.query, call.headers)
    operation = find(method, level, markers)
    if operation is not None:
        return operation
    if len(markers) > 1:
        raise S3Error("InvalidArgument", f"Conflicting query string parameters: {', '.join(markers)}")
    if method == "POST" and level == "bucket":
        raise S3Error("NotImplemented", "Uploads from HTML forms are not supported.")
    raise S3Error("MethodNotAllowed", extra={"Method": method})


def handler_of(operation: Operation) -> Handler:
    """Return the function that serves an operation. Raises `NotImplemented`."""
    handler = HANDLERS.get(operation.name)
    if handler is None:
        raise S3Error("NotImplemented", f"{operation.name} is not supported.")
    return handler
