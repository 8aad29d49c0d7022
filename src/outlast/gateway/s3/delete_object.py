"""DeleteObject and DeleteObjects."""

from aiohttp import web

from outlast.base.errors import KeyTooLong, OutlastError
from outlast.base.limits import key_bytes_max
from outlast.catalog.records import Condition
from outlast.gateway.s3 import xml
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.checksums import expect
from outlast.gateway.s3.conditions import write_condition
from outlast.gateway.s3.errors import S3Error, from_store_error
from outlast.gateway.s3.xml import DeleteEntry


async def delete_object(call: S3Call) -> web.StreamResponse:
    """`If-Match`. Deleting an object that does not exist succeeds."""
    await call.store.delete(call.bucket, call.key, write_condition(call.headers))
    return call.answer(204)


async def delete_objects(call: S3Call) -> web.StreamResponse:
    """Up to 1,000 keys, each with an ETag to match if given; `Quiet`. Needs Content-MD5 or a checksum."""
    if "Content-MD5" not in call.headers and not expect(call.headers, call.auth.payload).algorithm:
        raise S3Error("InvalidRequest", "Missing required header for this request: Content-MD5")
    wanted = xml.parse_delete(await call.document())
    errors: dict[int, S3Error] = {}
    plain: list[str] = []
    await call.store.bucket(call.bucket)
    for at, entry in enumerate(wanted.entries):
        try:
            if await _delete_with_condition(call, entry):
                continue
            plain.append(entry.key)
        except OutlastError as error:
            errors[at] = from_store_error(error)
        except S3Error as error:
            errors[at] = error
    if plain:
        await call.store.delete_many(call.bucket, plain)
    return call.answer_xml(
        "DeleteResult",
        "".join(_result(at, entry, errors, wanted.quiet) for at, entry in enumerate(wanted.entries)),
    )


async def _delete_with_condition(call: S3Call, entry: DeleteEntry) -> bool:
    """Delete it if it has a condition; return False if it has none, so that it can go with the others."""
    if entry.version_id not in (None, "null"):
        raise S3Error("NotImplemented", "There are no older versions.")
    if set(entry.conditions) - {"ETag"}:
        raise S3Error("NotImplemented", f"Not supported: {', '.join(entry.conditions)}")
    if len(entry.key.encode()) > key_bytes_max:
        raise KeyTooLong(entry.key)
    if entry.etag is None:
        return False
    await call.store.delete(call.bucket, entry.key, Condition("match", entry.etag))
    return True


def _result(at: int, entry: DeleteEntry, errors: dict[int, S3Error], quiet: bool) -> str:
    key = xml.element("Key", entry.key)
    if (error := errors.get(at)) is not None:
        return f"<Error>{key}{xml.element('Code', error.code)}{xml.element('Message', error.message)}</Error>"
    return "" if quiet else f"<Deleted>{key}</Deleted>"
