"""Buckets: list them, create one, check whether it exists, delete it.

A gateway has no region. Clients have one, and turn away from an endpoint that claims another, so a gateway
is in whatever region the request was signed for. It does not lie about it: a request for a bucket in another
region than that is refused, as S3's regional endpoints do.
"""

from aiohttp import web

from outlast.base.errors import BucketExists
from outlast.gateway.s3 import parameters, xml
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.errors import S3Error

OWNER = "<Owner><ID>outlast</ID><DisplayName>outlast</DisplayName></Owner>"
_BUCKETS_MAX = 10_000
# S3 writes this region as an empty string, and has an old name for another.
_DEFAULT_REGION = "us-east-1"
_SAME_REGION = {"": _DEFAULT_REGION, "EU": "eu-west-1"}


def _region(call: S3Call) -> str:
    """Return the region that the request was signed for."""
    credential = call.query.get("X-Amz-Credential")
    if credential is None:
        credential = call.headers.get("Authorization", "").partition("Credential=")[2].partition(",")[0]
    # Our access key ids contain no slash: id/date/region/service/aws4_request.
    return credential.split("/")[2]


async def list_buckets(call: S3Call) -> web.StreamResponse:
    """A key of one bucket sees that one. `prefix`, `max-buckets`, `continuation-token`, `bucket-region`."""
    query = call.query
    prefix = query.get("prefix", "")
    after = parameters.read_token("continuation-token", query.get("continuation-token", ""))
    most = parameters.number(query, "max-buckets", _BUCKETS_MAX, low=1, high=_BUCKETS_MAX)
    region = query.get("bucket-region", "")
    only = call.auth.access_key.bucket
    await call.hold_listing()
    rows = [
        row
        for row in await call.store.buckets()
        if row.name > after and row.name.startswith(prefix) and only in ("", row.name)
    ]
    if region not in ("", _region(call)):
        rows = []
    shown = "".join(
        f"<Bucket><Name>{xml.escape(row.name)}</Name>"
        f"<CreationDate>{xml.timestamp(row.created)}</CreationDate>"
        f"<BucketRegion>{xml.escape(_region(call))}</BucketRegion></Bucket>"
        for row in rows[:most]
    )
    more = parameters.token(rows[most - 1].name) if len(rows) > most else None
    return call.answer_xml(
        "ListAllMyBucketsResult",
        OWNER
        + f"<Buckets>{shown}</Buckets>"
        + xml.element("ContinuationToken", more)
        + xml.element("Prefix", prefix or None),
    )


async def create_bucket(call: S3Call) -> web.StreamResponse:
    """A location constraint must be the region that the request was signed for. Again in us-east-1: 200."""
    wanted = xml.parse_create_bucket(await call.document())
    if wanted.unsupported:
        raise S3Error("NotImplemented", extra={"Element": ", ".join(wanted.unsupported)})
    region = _region(call)
    if wanted.location and _SAME_REGION.get(wanted.location, wanted.location) != region:
        raise S3Error(
            "IllegalLocationConstraintException",
            f"The {wanted.location} location constraint is incompatible for the region specific endpoint"
            f" this request was sent to ({region}).",
        )
    try:
        await call.store.create_bucket(call.bucket)
    except BucketExists:
        if region != _DEFAULT_REGION:
            raise
    return call.answer(headers={"Location": "/" + call.bucket})


async def head_bucket(call: S3Call) -> web.StreamResponse:
    """Whether it exists and may be used."""
    await call.store.bucket(call.bucket)
    return call.answer(headers={"x-amz-bucket-region": _region(call), "Content-Type": "application/xml"})


async def delete_bucket(call: S3Call) -> web.StreamResponse:
    """Only one without objects. Uploads in progress are aborted."""
    await call.store.delete_bucket(call.bucket)
    return call.answer(204)


async def get_bucket_location(call: S3Call) -> web.StreamResponse:
    """The region that the request was signed for."""
    await call.store.bucket(call.bucket)
    region = _region(call)
    return call.answer_xml("LocationConstraint", "" if region == _DEFAULT_REGION else xml.escape(region))
