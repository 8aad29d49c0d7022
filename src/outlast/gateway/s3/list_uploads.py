"""ListMultipartUploads: uploads that were begun and neither completed nor aborted."""

import re
from collections.abc import Callable

from aiohttp import web

from outlast.base.limits import list_keys_max
from outlast.catalog.listing import UploadListing
from outlast.catalog.uploads import Upload
from outlast.gateway.s3 import parameters, xml
from outlast.gateway.s3.buckets import OWNER
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.parts import INITIATOR

_UPLOAD_ID = re.compile(r"[0-9a-fA-F]{32}").fullmatch


async def list_multipart_uploads(call: S3Call) -> web.StreamResponse:
    """`prefix`, `delimiter`, `key-marker`, `upload-id-marker`, `max-uploads`, `encoding-type`."""
    query = call.query
    quote = xml.key_encoder(query.get("encoding-type"))
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, upload_marker = query.get("key-marker", ""), query.get("upload-id-marker", "")
    if not key_marker:
        upload_marker = ""  # as in S3: ignored without a key marker
    elif upload_marker and not _UPLOAD_ID(upload_marker):
        raise parameters.argument_error("upload-id-marker", upload_marker, "Invalid uploadId marker")
    most = parameters.page_size(query, "max-uploads", list_keys_max)
    await call.hold_listing()
    page = await call.store.uploads(call.bucket, prefix, delimiter, key_marker, upload_marker, most)
    return call.answer_xml(
        "ListMultipartUploadsResult",
        xml.element("Bucket", call.bucket)
        + f"<KeyMarker>{quote(key_marker)}</KeyMarker>"
        + xml.element("UploadIdMarker", upload_marker)
        + _next(page, quote)
        + f"<Prefix>{quote(prefix)}</Prefix>"
        + (f"<Delimiter>{quote(delimiter)}</Delimiter>" if delimiter else "")
        + xml.element("MaxUploads", most)
        + xml.element("EncodingType", query.get("encoding-type"))
        + xml.element("IsTruncated", page.next is not None)
        + "".join(_upload(upload, quote) for upload in page.entries)
        + "".join(xml.common_prefix(name, quote) for name in page.prefixes),
    )


def _next(page: UploadListing, quote: Callable[[str], str]) -> str:
    if page.next is None:
        return ""
    key, upload = page.next
    marker = f"<NextKeyMarker>{quote(key)}</NextKeyMarker>"
    return marker + (xml.element("NextUploadIdMarker", upload.hex()) if upload else "")


def _upload(upload: Upload, quote: Callable[[str], str]) -> str:
    return (
        "<Upload>"
        + f"<Key>{quote(upload.key)}</Key>"
        + xml.element("UploadId", upload.id.hex())
        + INITIATOR
        + OWNER
        + xml.element("StorageClass", "STANDARD")
        + xml.element("Initiated", xml.timestamp(upload.created))
        + xml.element("ChecksumAlgorithm", upload.algorithm or None)
        + xml.element("ChecksumType", upload.kind or None)
        + "</Upload>"
    )
