"""The request line: keys are opaque, whatever they look like."""

from urllib.parse import quote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.uri import (
    canonical_path,
    canonical_query,
    decode_path,
    parse_query,
    quote_key,
    split_path,
)

unicode = st.text(st.characters(codec="utf-8"), max_size=20)


@pytest.mark.parametrize(
    ("raw", "bucket", "key"),
    [
        ("/", "", ""),
        ("", "", ""),
        ("/bucket", "bucket", ""),
        ("/bucket/", "bucket", ""),
        ("/bucket/a/b", "bucket", "a/b"),
        ("/bucket/../other/key", "bucket", "../other/key"),
        ("/bucket/./a", "bucket", "./a"),
        ("/bucket//a//", "bucket", "/a//"),
        ("//bucket/a", "", "bucket/a"),
        ("/bucket/a%2Fb", "bucket", "a/b"),
        ("/bucket/%2e%2e/a", "bucket", "../a"),
        ("/bucket/a+b%20c%2B", "bucket", "a+b c+"),
        ("/bucket/%00", "bucket", "\0"),
        ("/bucket/100%", "bucket", "100%"),
        ("/bucket/%C3%BC", "bucket", "ü"),
        ("/bucket/ü", "bucket", "ü"),
    ],
)
def test_a_path_is_split_and_decoded_but_never_normalised(raw, bucket, key):
    assert split_path(raw) == (bucket, key)


@given(key=unicode)
def test_any_key_survives_the_path(key):
    assert split_path("/bucket/" + quote(key, safe="/~")) == ("bucket", key)
    assert decode_path("/" + quote(key, safe="")) == f"/{key}"


@pytest.mark.parametrize("raw", ["/b/%FF", "/b/%C3", "/b/\udcff", "/b/\ud800", "/b/%ED%A0%80"])
def test_what_is_not_utf8_is_refused(raw):
    with pytest.raises(S3Error, match="InvalidURI"):
        decode_path(raw)
    with pytest.raises(S3Error, match="InvalidURI"):
        parse_query(raw)


def test_a_query_is_decoded_and_the_first_of_repeated_names_wins():
    query = parse_query("acl&prefix=a+b%2Bc%20d&x=1&x=2&&empty=&e=a=b")
    assert query == {"acl": "", "prefix": "a b+c d", "x": "1", "empty": "", "e": "a=b"}
    assert query.pairs == (
        ("acl", ""), ("prefix", "a b+c d"), ("x", "1"), ("x", "2"), ("empty", ""), ("e", "a=b"),
    )  # fmt: skip
    assert parse_query("") == {}


@given(st.lists(st.tuples(unicode, unicode), max_size=5))
def test_a_canonical_query_is_encoded_sorted_and_says_the_same(pairs):
    raw = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    query = parse_query(raw)
    canonical = canonical_query(query)
    assert sorted(parse_query(canonical).pairs) == sorted(query.pairs)
    fields = [tuple(field.split("=")) for field in canonical.split("&")] if canonical else []
    assert fields == sorted(fields)
    assert set(canonical) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%&=")


def test_a_canonical_query_can_leave_one_parameter_out():
    assert canonical_query(parse_query("b=2&sig=x&a=1"), without="sig") == "a=1&b=2"


@given(key=unicode)
def test_a_canonical_path_is_the_same_however_it_was_encoded(key):
    canonical = canonical_path("/" + quote(key, safe="/~"))
    assert canonical_path("/" + quote(key, safe="")) == canonical
    assert canonical_path("/" + "".join(f"%{byte:02x}" for byte in key.encode())) == canonical
    assert canonical_path(canonical) == canonical


@given(key=unicode)
def test_a_key_in_a_listing_is_decoded_by_clients_as_it_was(key):
    encoded = quote_key(key)
    assert encoded.isascii()
    assert not set(encoded) & set("&<> \n\r")
    assert unquote_plus(encoded) == key


@given(st.text(max_size=40))
def test_no_request_line_whatever_fails_otherwise(raw):
    for read in (decode_path, split_path, parse_query, canonical_path):
        try:
            read(raw)
        except S3Error as error:
            assert error.code == "InvalidURI"
