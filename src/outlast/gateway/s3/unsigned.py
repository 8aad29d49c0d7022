"""What browsers send without a signature: preflight requests and HTML forms. Neither is served.

S3 answers both before it looks for a signature, so a signature is not what they lack. No bucket has a CORS
configuration, and a preflight gets S3's answer for that case; it is the same for every bucket name, whether
the bucket exists or not.
"""

from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.operations import markers_of

_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "HEAD"})


def refuse_unsigned(call: S3Call) -> None:
    """Raise S3's answer to a preflight or a form: `BadRequest`, `AccessForbidden`, `NotImplemented`."""
    method = call.request.method
    if method == "OPTIONS":
        raise _preflight(call)
    if method == "POST" and call.bucket and not call.key and _is_form(call):
        raise S3Error("NotImplemented", "Uploads from HTML forms are not supported.")


def _is_form(call: S3Call) -> bool:
    kind = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "multipart/form-data" and not markers_of(call.query, call.headers)


def _preflight(call: S3Call) -> S3Error:
    if "Origin" not in call.headers:
        return S3Error("BadRequest", "Insufficient information. Origin request header needed.")
    method = call.headers.get("Access-Control-Request-Method", "null")
    if method not in _METHODS:
        return S3Error("BadRequest", f"Invalid Access-Control-Request-Method: {method}")
    return S3Error(
        "AccessForbidden",
        "CORSResponse: CORS is not enabled for this bucket.",
        extra={"Method": method, "ResourceType": "OBJECT" if call.key else "BUCKET"},
    )
