"""S3's errors and their XML."""

import inspect
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.base import errors as base
from outlast.gateway.s3.errors import CODES, S3Error, from_store_error, render_error


def test_an_error_knows_its_status_and_message():
    error = S3Error("NoSuchKey")
    assert (error.code, error.status) == ("NoSuchKey", 404)
    assert error.message == "The specified key does not exist."
    assert S3Error("NoSuchKey", "other").message == "other"
    assert (error.extra, error.headers) == ({}, {})


def test_a_code_that_s3_has_not_is_our_bug():
    with pytest.raises(AssertionError):
        S3Error("NoSuchThing")


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_an_error_status_and_a_message(code):
    status, message = CODES[code]
    assert status == 304 or 400 <= status <= 503
    assert message


CLIENT_ERRORS = {
    "NoSuchBucket": ("NoSuchBucket", 404),
    "BucketExists": ("BucketAlreadyOwnedByYou", 409),
    "BucketNotEmpty": ("BucketNotEmpty", 409),
    "BadBucketName": ("InvalidBucketName", 400),
    "NoSuchKey": ("NoSuchKey", 404),
    "KeyTooLong": ("KeyTooLongError", 400),
    "PreconditionFailed": ("PreconditionFailed", 412),
    "NoSuchUpload": ("NoSuchUpload", 404),
    "InvalidPart": ("InvalidPart", 400),
    "InvalidPartOrder": ("InvalidPartOrder", 400),
    "PartTooSmall": ("EntityTooSmall", 400),
    "EntityTooLarge": ("EntityTooLarge", 400),
    "StoreUnavailable": ("ServiceUnavailable", 503),
    "StoreBusy": ("SlowDown", 503),
    "WriteExpired": ("ServiceUnavailable", 503),
    "ReadExpired": ("ServiceUnavailable", 503),
    "WriteLost": ("ServiceUnavailable", 503),
    "StoreCorrupt": ("InternalError", 500),
    "LocalStateCorrupt": ("ServiceUnavailable", 503),
    "StoreFull": ("QuotaExceeded", 403),
    # An S3 client cannot meet these two: access keys are not made through S3.
    "NoSuchAccessKey": ("InternalError", 500),
    "AccessKeyExists": ("InternalError", 500),
}
STORE_ERRORS = [
    kind
    for _, kind in inspect.getmembers(base, inspect.isclass)
    if issubclass(kind, base.StoreError) and kind is not base.StoreError
]


@pytest.mark.parametrize("kind", STORE_ERRORS)
def test_every_error_of_the_store_has_its_code(kind):
    error = from_store_error(kind("detail"))
    assert (error.code, error.status) == CLIENT_ERRORS[kind.__name__]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (base.NoMajority("x"), "ServiceUnavailable"),
        (base.Unavailable("disk-a", "get"), "ServiceUnavailable"),
        (base.StoreUnavailable("x"), "ServiceUnavailable"),
        (base.StoreBusy("x"), "SlowDown"),
        (base.WriteLost("x"), "ServiceUnavailable"),
        (base.LocalStateCorrupt("x"), "ServiceUnavailable"),
    ],
)
def test_what_passes_is_told_with_when_to_ask_again(error, code):
    told = from_store_error(error)
    assert (told.code, told.headers) == (code, {"Retry-After": "1"})


@pytest.mark.parametrize(
    "error", [base.ForkedLog("secret"), base.Tampered("secret"), base.Unavailable("secret", "get")]
)
def test_inner_details_stay_inside(error):
    assert "secret" not in from_store_error(error).message


@pytest.mark.parametrize("error", [base.StoreUnavailable("secret"), base.StoreBusy("secret")])
def test_strangers_are_told_no_reasons(error):
    assert "secret" in from_store_error(error).message
    assert "secret" not in from_store_error(error, stranger=True).message


def read(body):
    root = ElementTree.fromstring(body)
    assert root.tag == "Error"
    return {child.tag: child.text for child in root}


def test_the_xml_has_what_clients_read():
    error = S3Error("InvalidRange", extra={"ActualObjectSize": "3"})
    assert read(render_error(error, "/b/k", "id")) == {
        "Code": "InvalidRange",
        "Message": "The requested range is not satisfiable",
        "ActualObjectSize": "3",
        "Resource": "/b/k",
        "RequestId": "id",
    }


def test_not_modified_has_no_body():
    assert render_error(S3Error("NotModified"), "/b/k", "id") == b""


@given(resource=st.text(), value=st.text())
def test_an_error_can_be_parsed_whatever_was_asked_for(resource, value):
    fields = read(render_error(S3Error("InvalidArgument", extra={"ArgumentValue": value}), resource, "id"))
    assert fields["Code"] == "InvalidArgument"
    if resource.isprintable():
        assert (fields["Resource"] or "") == resource
