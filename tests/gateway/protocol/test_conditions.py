"""Preconditions, ranges and dates."""

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from outlast.catalog.records import Condition
from outlast.gateway.s3.conditions import (
    check_copy_source,
    check_read,
    copy_span,
    http_date,
    parse_http_date,
    read_span,
    write_condition,
)
from outlast.gateway.s3.dates import amz_date, iso_date, parse_amz_date
from outlast.gateway.s3.errors import S3Error

ETAG = "9a0364b9e99bb480dd25e1f0284c8555"
MODIFIED = 784_111_777_500  # Sun, 06 Nov 1994 08:49:37.5 GMT
AT = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"


def headers(fields):
    return CIMultiDictProxy(CIMultiDict(fields))


def outcome(check, fields):
    try:
        check(headers(fields), ETAG, MODIFIED)
    except S3Error as error:
        return error.status
    return 200


READS = [
    ({}, 200),
    ({"If-Match": f'"{ETAG}"'}, 200),
    ({"If-Match": ETAG}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": f'"x", "{ETAG}"'}, 200),
    ({"If-Match": '"x"'}, 412),
    ({"If-Match": ""}, 412),
    ({"If-Unmodified-Since": AT}, 200),
    ({"If-Unmodified-Since": AFTER}, 200),
    ({"If-Unmodified-Since": BEFORE}, 412),
    ({"If-Unmodified-Since": "not a date"}, 200),
    ({"If-Match": ETAG, "If-Unmodified-Since": BEFORE}, 200),
    ({"If-Match": "x", "If-Unmodified-Since": AFTER}, 412),
    ({"If-None-Match": f'"{ETAG}"'}, 304),
    ({"If-None-Match": f'W/"{ETAG}"'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x","y"'}, 200),
    ({"If-Modified-Since": AT}, 304),
    ({"If-Modified-Since": AFTER}, 304),
    ({"If-Modified-Since": BEFORE}, 200),
    ({"If-Modified-Since": ""}, 200),
    ({"If-None-Match": "x", "If-Modified-Since": AFTER}, 200),
    ({"If-None-Match": ETAG, "If-Modified-Since": BEFORE}, 304),
    ({"If-Match": "x", "If-None-Match": ETAG}, 412),
    ({"If-Match": ETAG, "If-None-Match": ETAG}, 304),
    ({"If-Unmodified-Since": AT, "If-Modified-Since": AT}, 304),
]


@pytest.mark.parametrize(("fields", "status"), READS, ids=str)
def test_a_read_is_judged_in_the_order_of_rfc_9110(fields, status):
    assert outcome(check_read, fields) == status


@pytest.mark.parametrize(("fields", "status"), READS, ids=str)
def test_the_source_of_a_copy_is_judged_likewise_but_never_with_304(fields, status):
    prefixed = {f"x-amz-copy-source-{name}": value for name, value in fields.items()}
    assert outcome(check_copy_source, prefixed) == (412 if status == 304 else status)
    assert outcome(check_copy_source, fields) == 200


def test_not_modified_says_of_which_version():
    with pytest.raises(S3Error) as caught:
        check_read(headers({"If-None-Match": ETAG}), ETAG, MODIFIED)
    assert caught.value.headers == {"ETag": f'"{ETAG}"', "Last-Modified": AT}


def test_a_failed_precondition_names_its_header():
    with pytest.raises(S3Error) as caught:
        check_read(headers({"If-Unmodified-Since": BEFORE}), ETAG, MODIFIED)
    assert caught.value.extra == {"Condition": "If-Unmodified-Since"}


@pytest.mark.parametrize(
    ("fields", "condition"),
    [
        ({}, None),
        ({"If-None-Match": "*"}, Condition("absent")),
        ({"If-Match": f'"{ETAG}"'}, Condition("match", ETAG)),
        ({"If-Match": ETAG}, Condition("match", ETAG)),
        ({"If-Match": "*"}, Condition("match", "*")),
    ],
)
def test_the_condition_of_a_write_is_read(fields, condition):
    assert write_condition(headers(fields)) == condition


@pytest.mark.parametrize(
    "fields",
    [
        {"If-None-Match": ETAG},
        {"If-None-Match": ""},
        {"If-None-Match": "*", "If-Match": "*"},
        {"If-Match": "a,b"},
        {"If-Match": ""},
        {"If-Modified-Since": AT},
        {"If-Unmodified-Since": AT},
    ],
)
def test_a_condition_that_s3_has_not_is_never_ignored_on_a_write(fields):
    with pytest.raises(S3Error, match="NotImplemented"):
        write_condition(headers(fields))


# ---------------------------------------------------------------- ranges


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=0-0", (0, 1)),
        ("bytes=90-", (90, 100)),
        ("bytes=99-99", (99, 100)),
        ("bytes=50-1000", (50, 100)),
        ("bytes=50-" + "9" * 40, (50, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        (" Bytes=1-2\t", (1, 3)),
        ("bytes= -1", None),
        ("bytes=0 -1", None),
        ("bytes =0-1", None),
        ("bytes=0-1 ,", None),
        ("bytes=9-0", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-9,20-29", None),
        ("bytes=+1-2", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=1-" + "9" * 5000, None),
        ("lines=0-9", None),
        ("", None),
    ],
)
def test_a_range_is_read_or_ignored(text, span):
    assert read_span(headers({"Range": text}), ETAG, MODIFIED, 100) == span


@pytest.mark.parametrize("text", ["bytes=100-", "bytes=100-200", "bytes=5000-5001", "bytes=-0"])
def test_a_range_outside_of_the_object_is_refused_with_its_size(text):
    with pytest.raises(S3Error) as caught:
        read_span(headers({"Range": text}), ETAG, MODIFIED, 100)
    error = caught.value
    assert (error.code, error.status) == ("InvalidRange", 416)
    assert error.headers == {"Content-Range": "bytes */100"}
    assert error.extra == {"RangeRequested": text, "ActualObjectSize": "100"}


@pytest.mark.parametrize("text", ["bytes=0-", "bytes=0-0", "bytes=-0"])
def test_nothing_can_be_had_of_an_empty_object(text):
    with pytest.raises(S3Error, match="InvalidRange"):
        read_span(headers({"Range": text}), ETAG, MODIFIED, 0)


def test_the_last_bytes_of_an_empty_object_are_all_of_it():
    assert read_span(headers({"Range": "bytes=-1"}), ETAG, MODIFIED, 0) is None


@pytest.mark.parametrize(
    ("condition", "sent"),
    [(f'"{ETAG}"', True), (ETAG, True), (AT, True), ('"x"', False), (f'W/"{ETAG}"', False), (BEFORE, False),
     (AFTER, False), ("", False)],
)  # fmt: skip
def test_if_range_lets_a_range_be_sent_only_of_the_version_that_it_names(condition, sent):
    fields = {"Range": "bytes=1-2", "If-Range": condition}
    assert read_span(headers(fields), ETAG, MODIFIED, 100) == ((1, 3) if sent else None)


@given(text=st.text(max_size=30) | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), size=st.integers(0, 200))
def test_whatever_the_range_the_span_lies_within_the_object(text, size):
    try:
        span = read_span(headers({"Range": text}), ETAG, MODIFIED, size)
    except S3Error as error:
        assert error.code == "InvalidRange"
        return
    assert span is None or 0 <= span[0] < span[1] <= size


def test_the_range_of_a_copy_must_lie_within_its_source():
    assert copy_span("bytes=0-99", 100) == (0, 100)
    assert copy_span("bytes=5-5", 100) == (5, 6)
    for text in (
        "bytes=0-100",
        "bytes=100-101",
        "bytes=9-0",
        "bytes=-5",
        "bytes=5-",
        "0-5",
        "bytes=0-1,3-4",
        "",
    ):
        with pytest.raises(S3Error, match="InvalidArgument"):
            copy_span(text, 100)


# ---------------------------------------------------------------- dates


@given(st.integers(0, 253_402_300_799))
def test_dates_are_those_of_the_standard_library_and_read_back(seconds):
    assert http_date(seconds * 1000 + 999) == email.utils.formatdate(seconds, usegmt=True)
    assert parse_http_date(http_date(seconds * 1000)) == seconds
    assert parse_amz_date(amz_date(seconds)) == seconds


@pytest.mark.parametrize("text", [AT, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
def test_all_three_forms_of_http_dates_are_read(text):
    assert parse_http_date(text) == MODIFIED // 1000


@given(st.text(max_size=40))
def test_what_is_no_date_is_none(text):
    assert parse_http_date(text) is None or isinstance(parse_http_date(text), int)
    assert parse_amz_date(text) is None


@pytest.mark.parametrize(
    "text", ["20130524T000000", "20131301T000000Z", "20130524T250000Z", "\u06620130524T00000Z"]
)
def test_what_is_no_sigv4_time_stamp_is_none(text):
    assert parse_amz_date(text) is None


def test_a_moment_in_xml_has_milliseconds():
    assert iso_date(1_369_353_600_007) == "2013-05-24T00:00:00.007Z"
