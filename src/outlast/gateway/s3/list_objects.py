"""ListObjects and ListObjectsV2: a bucket's keys in UTF-8 order, a page at a time.

Both continue after the last name shown, whether a key or a common prefix, so a page never depends on
anything that a gateway remembers.
"""

from aiohttp import web

from outlast.base.limits import list_keys_max
from outlast.catalog.listing import Listing
from outlast.gateway.s3 import parameters, xml
from outlast.gateway.s3.buckets import OWNER
from outlast.gateway.s3.call import S3Call


async def list_objects(call: S3Call) -> web.StreamResponse:
    """`prefix`, `delimiter`, `marker`, `max-keys`, `encoding-type`."""
    query = call.query
    quote = xml.key_encoder(query.get("encoding-type"))
    delimiter, marker = query.get("delimiter", ""), query.get("marker", "")
    most = parameters.page_size(query, "max-keys", list_keys_max)
    await call.hold_listing()
    page = await call.store.list(call.bucket, query.get("prefix", ""), delimiter, marker, most)
    # Without a delimiter clients continue after the last key, and S3 does not repeat it.
    more = page.next if delimiter else None
    return call.answer_xml(
        "ListBucketResult",
        f"<Marker>{quote(marker)}</Marker>"
        + ("" if more is None else f"<NextMarker>{quote(more)}</NextMarker>")
        + _page(call, page, most, owner=OWNER),
    )


async def list_objects_v2(call: S3Call) -> web.StreamResponse:
    """Like v1, with `start-after`, `continuation-token`, and `fetch-owner` in place of `marker`."""
    query = call.query
    if query["list-type"] != "2":
        raise parameters.argument_error("list-type", query["list-type"], "Invalid List Type")
    quote = xml.key_encoder(query.get("encoding-type"))
    given, start = query.get("continuation-token"), query.get("start-after", "")
    if given == "":
        raise parameters.argument_error("continuation-token", "", "The continuation token is empty")
    after = start if given is None else parameters.read_token("continuation-token", given)
    most = parameters.page_size(query, "max-keys", list_keys_max)
    await call.hold_listing()
    page = await call.store.list(
        call.bucket, query.get("prefix", ""), query.get("delimiter", ""), after, most
    )
    owner = OWNER if query.get("fetch-owner", "").lower() == "true" else ""
    return call.answer_xml(
        "ListBucketResult",
        xml.element("ContinuationToken", given)
        + ("" if page.next is None else xml.element("NextContinuationToken", parameters.token(page.next)))
        + (f"<StartAfter>{quote(start)}</StartAfter>" if start else "")
        + xml.element("KeyCount", len(page.entries) + len(page.prefixes))
        + _page(call, page, most, owner=owner),
    )


def _page(call: S3Call, page: Listing, most: int, *, owner: str) -> str:
    """Return the XML that both have in common."""
    query = call.query
    quote = xml.key_encoder(query.get("encoding-type"))
    delimiter = query.get("delimiter", "")
    head = (
        xml.element("Name", call.bucket)
        + f"<Prefix>{quote(query.get('prefix', ''))}</Prefix>"
        + (f"<Delimiter>{quote(delimiter)}</Delimiter>" if delimiter else "")
        + xml.element("MaxKeys", most)
        + xml.element("EncodingType", query.get("encoding-type"))
        + xml.element("IsTruncated", page.next is not None)
    )
    entries = [
        xml.contents(row.key, row.etag, row.size, row.modified, row.algorithm, row.kind, owner, quote)
        for row in page.entries
    ]
    prefixes = [xml.common_prefix(prefix, quote) for prefix in page.prefixes]
    return head + "".join(entries) + "".join(prefixes)
