"""S3's errors: the codes, their HTTP status, and the XML in which a client reads them.

A handler raises `S3Error(code)`; the table below has the rest, so that one code never comes with two
statuses. Errors of the store become S3 errors in `from_store_error`. The table follows "Error responses"
of the S3 API reference. A code that is not in the table is a bug of ours, not an answer.

`NotModified` (304) is here too: it ends a read in the same way, but it has no body.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from outlast.base import errors as base

CODES: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "AccessDenied": (403, "Access Denied"),
        "AccessForbidden": (403, "Access Forbidden"),
        "AuthorizationHeaderMalformed": (400, "The authorization header that you provided is not valid."),
        "AuthorizationQueryParametersError": (400, "The authorization query parameters are not valid."),
        "BadDigest": (
            400,
            "The Content-MD5 or checksum value that you specified did not match what the server received.",
        ),
        "BadRequest": (400, "Bad Request"),
        "BucketAlreadyExists": (409, "The requested bucket name is not available."),
        "BucketAlreadyOwnedByYou": (
            409,
            "The bucket that you tried to create already exists, and you own it.",
        ),
        "BucketNotEmpty": (409, "The bucket you tried to delete is not empty."),
        "ConditionalRequestConflict": (
            409,
            "A conflicting operation occurred during this request. Try again.",
        ),
        "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed object size."),
        "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed object size."),
        "IllegalLocationConstraintException": (
            400,
            "The specified location constraint is not valid for this endpoint.",
        ),
        "IncompleteBody": (
            400,
            "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        ),
        "InternalError": (500, "We encountered an internal error. Please try again."),
        "InvalidAccessKeyId": (403, "The access key ID that you provided does not exist in our records."),
        "InvalidArgument": (400, "Invalid Argument"),
        "InvalidBucketName": (400, "The specified bucket is not valid."),
        "InvalidChunkSizeError": (
            403,
            "Only the last chunk is allowed to have a size less than 8192 bytes",
        ),
        "InvalidDigest": (400, "The Content-MD5 or checksum value that you specified is not valid."),
        "InvalidLocationConstraint": (400, "The specified location constraint is not valid."),
        "InvalidPart": (
            400,
            "One or more of the specified parts could not be found. The part might not have been uploaded, "
            "or the specified entity tag might not have matched the part's entity tag.",
        ),
        "InvalidPartNumber": (416, "The requested partnumber is not satisfiable"),
        "InvalidPartOrder": (
            400,
            "The list of parts was not in ascending order. "
            "The parts list must be specified in order by part number.",
        ),
        "InvalidRange": (416, "The requested range is not satisfiable"),
        "InvalidRequest": (400, "Invalid Request"),
        "InvalidStorageClass": (400, "The storage class that you specified is not valid."),
        "InvalidToken": (400, "The provided token is malformed or otherwise not valid."),
        "InvalidURI": (400, "The specified URI couldn't be parsed."),
        "KeyTooLongError": (400, "Your key is too long."),
        "MalformedTrailerError": (
            400,
            "The request contained trailing data that was not well-formed "
            "or did not conform to our published schema.",
        ),
        "MalformedXML": (
            400,
            "The XML you provided was not well-formed or did not validate against our published schema.",
        ),
        "MaxMessageLengthExceeded": (400, "Your request was too large."),
        "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size."),
        "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
        "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
        "MissingRequestBodyError": (400, "Request body is empty."),
        "MissingSecurityHeader": (400, "Your request is missing a required header."),
        "NoSuchBucket": (404, "The specified bucket does not exist"),
        "NoSuchBucketPolicy": (404, "The bucket policy does not exist"),
        "NoSuchCORSConfiguration": (404, "The CORS configuration does not exist"),
        "NoSuchKey": (404, "The specified key does not exist."),
        "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist"),
        "NoSuchTagSet": (404, "The TagSet does not exist"),
        "NoSuchUpload": (
            404,
            "The specified multipart upload does not exist. The upload ID might not be valid, "
            "or the multipart upload might have been aborted or completed.",
        ),
        "NoSuchVersion": (404, "The version ID specified in the request does not match an existing version."),
        "NotImplemented": (
            501,
            "A header or parameter you provided implies functionality that is not implemented.",
        ),
        "NotModified": (304, "Not Modified"),
        "OperationAborted": (
            409,
            "A conflicting conditional operation is currently in progress against this resource. Try again.",
        ),
        "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
        "RequestHeaderSectionTooLarge": (
            400,
            "Your request header section exceeds the maximum allowed request header section size.",
        ),
        # Not Amazon's, which has no quotas, but Ceph's. SDKs do not retry it.
        "QuotaExceeded": (403, "The quotas of the store's providers are used up."),
        "RequestTimeTooSkewed": (
            403,
            "The difference between the request time and the server's time is too large.",
        ),
        "RequestTimeout": (
            400,
            "Your socket connection to the server was not read from or written to within the timeout period.",
        ),
        "ServerSideEncryptionConfigurationNotFoundError": (
            404,
            "The server side encryption configuration was not found",
        ),
        "ServiceUnavailable": (503, "Service is unable to handle request."),
        "SignatureDoesNotMatch": (
            403,
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        ),
        "SlowDown": (503, "Please reduce your request rate."),
        "XAmzContentSHA256Mismatch": (
            400,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
    }
)

# How long a client should wait before it retries: about as long as a breaker's first probe takes.
_RETRY_AFTER_S = "1"

_EMPTY: Mapping[str, str] = MappingProxyType({})


class S3Error(Exception):
    """An answer other than success.

    `code` and `status` (HTTP) are S3's; `extra` are further elements of the XML, in order; `headers` are
    further headers of the response. Without `message`, the code's standard one is used.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        extra: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        assert code in CODES, f"not an S3 error code: {code}"
        self.code = code
        self.status, standard = CODES[code]
        self.message = message or standard
        self.extra = extra or _EMPTY
        self.headers = headers or _EMPTY
        super().__init__(code, self.message)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


# Each error of the store that the client caused, and S3's code for it.
_STORE_CODES: Mapping[type[base.OutlastError], str] = MappingProxyType(
    {
        base.NoSuchBucket: "NoSuchBucket",
        base.BucketExists: "BucketAlreadyOwnedByYou",  # a client that may create buckets here owns them all
        base.BucketNotEmpty: "BucketNotEmpty",
        base.BadBucketName: "InvalidBucketName",
        base.NoSuchKey: "NoSuchKey",
        base.KeyTooLong: "KeyTooLongError",
        base.PreconditionFailed: "PreconditionFailed",
        base.NoSuchUpload: "NoSuchUpload",
        base.InvalidPart: "InvalidPart",
        base.InvalidPartOrder: "InvalidPartOrder",
        base.PartTooSmall: "EntityTooSmall",
        base.EntityTooLarge: "EntityTooLarge",
    }
)


def busy(message: str = "") -> S3Error:
    """Return the error for a gateway at its limits: `SlowDown`, after which SDKs retry."""
    return S3Error("SlowDown", message, headers={"Retry-After": _RETRY_AFTER_S})


def from_store_error(error: base.OutlastError, *, stranger: bool = False) -> S3Error:
    """Return the answer to an error of the store.

    A store that is unable (providers down, no majority) is 503 with Retry-After, so that SDKs retry; so is a
    gateway that has too much to do.
    A failure that the client did not cause (corruption, a forked log, a bug) is 500 and shows only its class:
    the details belong in the log. A `stranger`, whose signature has not been verified, learns no more about a
    503 either: which providers there are, where they are, and what is wrong with them is not public.
    """
    if (code := _STORE_CODES.get(type(error))) is not None:
        return S3Error(code)
    if isinstance(error, base.StoreBusy):
        return busy("" if stranger else str(error))
    if isinstance(error, base.StoreUnavailable | base.NoMajority | base.ProviderError):
        message = str(error) if isinstance(error, base.StoreUnavailable) and not stranger else ""
        return S3Error("ServiceUnavailable", message, headers={"Retry-After": _RETRY_AFTER_S})
    if isinstance(error, base.LocalStateCorrupt):  # it is being rebuilt; other gateways have their own
        return S3Error("ServiceUnavailable", headers={"Retry-After": _RETRY_AFTER_S})
    if isinstance(error, base.StoreFull):
        return S3Error("QuotaExceeded")
    if isinstance(error, base.StoreCorrupt):
        return S3Error("InternalError", "The object cannot be read back as it was written.")
    return S3Error("InternalError")


_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_SPECIAL = re.compile(r'[&<>"\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')


def _readable(text: str) -> str:
    """Escape for XML; what XML cannot represent becomes U+FFFD, so that an error can always be parsed."""
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found.group(), "\ufffd"), text)


def render_error(error: S3Error, resource: str, request_id: str) -> bytes:
    """Return the XML body of an error; `resource` is the requested path. Empty for `NotModified`.

    The answer to a HEAD has the status and no body; the server leaves it out.
    """
    if error.status == 304:
        return b""
    elements = {
        "Code": error.code,
        "Message": error.message,
        **error.extra,
        "Resource": resource,
        "RequestId": request_id,
    }
    inner = "".join(f"<{name}>{_readable(value)}</{name}>" for name, value in elements.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
