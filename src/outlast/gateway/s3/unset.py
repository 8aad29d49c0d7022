"""Answers for features that are never enabled (versioning, tags, ACLs), for clients that check first.

Versioning is never on, nothing has tags, and only the owner has rights in addition to the access keys.
Setting any of this is refused (`NotImplemented`); reading it is answered.
"""

from aiohttp import web

from outlast.gateway.s3 import xml
from outlast.gateway.s3.buckets import OWNER
from outlast.gateway.s3.call import S3Call

_GRANT = (
    '<AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:type="CanonicalUser"><ID>outlast</ID><DisplayName>outlast</DisplayName></Grantee>'
    "<Permission>FULL_CONTROL</Permission></Grant></AccessControlList>"
)


async def get_bucket_acl(call: S3Call) -> web.StreamResponse:
    """Always the owner's full control; access keys define the rights."""
    await call.store.bucket(call.bucket)
    return call.answer_xml("AccessControlPolicy", OWNER + _GRANT)


async def get_object_acl(call: S3Call) -> web.StreamResponse:
    """Always the owner's full control; access keys define the rights."""
    await call.store.head(call.bucket, call.key)
    return call.answer_xml("AccessControlPolicy", OWNER + _GRANT)


async def get_bucket_versioning(call: S3Call) -> web.StreamResponse:
    """Always off."""
    await call.store.bucket(call.bucket)
    return call.answer_xml("VersioningConfiguration", "")


async def get_object_tagging(call: S3Call) -> web.StreamResponse:
    """Always none."""
    await call.store.head(call.bucket, call.key)
    return call.answer_xml("Tagging", xml.element("TagSet", ""))
