"""The five checksums: values, promises in headers, and combination over parts."""

import base64
import hashlib
import zlib

import pytest
from botocore import httpchecksum
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from outlast.catalog.records import Checksum
from outlast.gateway.s3.checksums import (
    ALGORITHMS,
    checksum_headers,
    composite,
    element_name,
    expect,
    full_object,
    header_name,
    multipart_kind,
    new_digest,
    parse_algorithm,
    parse_kind,
)
from outlast.gateway.s3.errors import S3Error
from outlast.gateway.s3.signature import Payload, PayloadKind

CRCS = ("CRC32", "CRC32C", "CRC64NVME")


def headers(fields=()):
    return CIMultiDictProxy(CIMultiDict(fields))


def checksum_of(algorithm, data):
    digest = new_digest(algorithm)
    digest.update(data)
    return digest.value


# "123456789" is what the CRC catalogues publish: CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME.
@pytest.mark.parametrize(
    ("algorithm", "value"),
    [("CRC32", "cbf43926"), ("CRC32C", "e3069283"), ("CRC64NVME", "ae8b14860a799888")],
)
def test_a_crc_has_the_published_check_value(algorithm, value):
    assert base64.b64decode(checksum_of(algorithm, b"123456789")).hex() == value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.binary(max_size=300), at=st.integers(0, 300))
def test_a_digest_equals_botocores_however_it_was_fed(algorithm, data, at):
    oracle = httpchecksum._CHECKSUM_CLS[algorithm.lower()]()
    oracle.update(data)
    digest = new_digest(algorithm)
    digest.update(memoryview(data)[:at])
    digest.update(bytearray(data[at:]))
    assert digest.value == oracle.b64digest()
    assert digest.algorithm == algorithm


@pytest.mark.parametrize("algorithm", CRCS)
@given(parts=st.lists(st.binary(max_size=100), max_size=5))
def test_crcs_of_parts_combine_into_that_of_the_whole(algorithm, parts):
    values = [(checksum_of(algorithm, part), len(part)) for part in parts]
    assert full_object(algorithm, values) == checksum_of(algorithm, b"".join(parts))


def test_crcs_combine_over_parts_of_gigabytes():
    """CRC32 of many zero bytes, from zlib over 4 MiB twice doubled, without reading gigabytes."""
    block = bytes(1 << 22)
    value = base64.b64encode(zlib.crc32(block).to_bytes(4, "big")).decode()
    whole = full_object("CRC32", [(value, 1 << 22)] * 1024)
    half = full_object("CRC32", [(value, 1 << 22)] * 512)
    assert whole == full_object("CRC32", [(half, 1 << 31)] * 2)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_a_composite_checksum_is_over_the_parts_checksums(algorithm):
    values = [checksum_of(algorithm, part) for part in (b"a", b"b", b"c")]
    raw = b"".join(map(base64.b64decode, values))
    assert composite(algorithm, values) == f"{checksum_of(algorithm, raw)}-3"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_values_that_are_not_checksums_do_not_combine(algorithm):
    for value in ("", "!", "AA==", "A" * 44 + "=", "ü"):
        with pytest.raises(S3Error, match="InvalidRequest"):
            composite(algorithm, [value])


@pytest.mark.parametrize(
    ("algorithm", "asked", "kind"),
    [
        ("CRC32", "", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT", "FULL_OBJECT"),
        ("CRC32C", "COMPOSITE", "COMPOSITE"),
        ("CRC64NVME", "", "FULL_OBJECT"),
        ("SHA256", "", "COMPOSITE"),
        ("CRC64NVME", "COMPOSITE", None),
        ("SHA1", "FULL_OBJECT", None),
        ("SHA256", "FULL_OBJECT", None),
        ("CRC32", "HALF", None),
    ],
)
def test_a_multipart_checksum_is_of_the_kind_that_its_algorithm_can_do(algorithm, asked, kind):
    if kind is None:
        with pytest.raises(S3Error, match="InvalidRequest"):
            multipart_kind(algorithm, asked)
    else:
        assert multipart_kind(algorithm, asked) == kind


def test_names_are_as_s3_spells_them():
    assert header_name("CRC64NVME") == "x-amz-checksum-crc64nvme"
    assert element_name("CRC64NVME") == "ChecksumCRC64NVME"
    assert parse_algorithm("crc32c") == "CRC32C"
    assert parse_kind("full_object") == "FULL_OBJECT"
    with pytest.raises(S3Error, match="InvalidRequest"):
        parse_algorithm("CRC16")
    with pytest.raises(S3Error, match="NotImplemented"):
        parse_algorithm("SHA512")


# ---------------------------------------------------------------- promises

DATA = b"some data"
CRC32 = checksum_of("CRC32", DATA)
TRAILER = Payload(PayloadKind.UNSIGNED_CHUNKS_TRAILER)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_in_a_header_is_verified_and_kept(algorithm):
    fields = {header_name(algorithm): checksum_of(algorithm, DATA), "x-amz-sdk-checksum-algorithm": algorithm}
    expected = expect(headers(fields))
    expected.digest.update(DATA)
    expected.settle({})
    assert expected.checksum == Checksum(algorithm, checksum_of(algorithm, DATA))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_checksum_in_a_header_is_a_bad_digest(algorithm):
    expected = expect(headers({header_name(algorithm): checksum_of(algorithm, DATA)}))
    expected.digest.update(DATA + b"!")
    with pytest.raises(S3Error, match=f"BadDigest: The {algorithm} "):
        expected.settle({})


def test_a_checksum_in_a_trailer_is_verified_and_kept():
    expected = expect(headers({"x-amz-trailer": "x-amz-checksum-crc32"}), TRAILER)
    expected.digest.update(DATA)
    expected.settle({"x-amz-checksum-crc32": CRC32})
    assert expected.checksum == Checksum("CRC32", CRC32)
    with pytest.raises(S3Error, match="BadDigest"):
        expected.settle({"x-amz-checksum-crc32": "AAAAAA=="})
    with pytest.raises(S3Error, match="InvalidRequest"):
        expected.settle({"x-amz-checksum-crc32": "AAAA"})
    with pytest.raises(S3Error, match="MalformedTrailerError"):
        expected.settle({})


def test_without_a_promise_nothing_is_computed_unless_there_is_a_default():
    expected = expect(headers())
    assert expected.digest is None
    expected.settle({})
    expected.check_md5(bytes(16))
    assert expected.checksum is None
    expected = expect(headers(), default="CRC64NVME")
    expected.digest.update(DATA)
    expected.settle({})
    assert expected.checksum == Checksum("CRC64NVME", checksum_of("CRC64NVME", DATA))


def test_content_md5_is_compared():
    md5 = hashlib.md5(DATA).digest()
    expected = expect(headers({"Content-MD5": base64.b64encode(md5).decode()}))
    expected.check_md5(md5)
    with pytest.raises(S3Error, match="BadDigest"):
        expected.check_md5(bytes(16))


@pytest.mark.parametrize("value", ["", "x", "AAAA", md5 := hashlib.md5(DATA).hexdigest(), "ü" * 22 + "=="])
def test_a_content_md5_that_is_none_is_refused(value):
    with pytest.raises(S3Error, match="InvalidDigest"):
        expect(headers({"Content-MD5": value}))


SDK = "x-amz-sdk-checksum-algorithm"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest"),
        ({"x-amz-checksum-sha256": CRC32}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": CRC32 + "\n"}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": CRC32, "x-amz-checksum-crc32c": CRC32}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": CRC32, "x-amz-trailer": "x-amz-checksum-crc32"}, "InvalidRequest"),
        ({SDK: "CRC32"}, "InvalidRequest"),
        ({SDK: "CRC32C", "x-amz-checksum-crc32": CRC32}, "InvalidRequest"),
        ({SDK: "CRC99", "x-amz-checksum-crc32": CRC32}, "InvalidRequest"),
        ({SDK: "MD5"}, "NotImplemented"),
        ({"x-amz-trailer": "x-amz-checksum-crc32, x-amz-checksum-sha1"}, "InvalidRequest"),
        ({"x-amz-trailer": "x-amz-checksum-xxhash3"}, "NotImplemented"),
        ({"x-amz-trailer": "x-amz-meta-later"}, "InvalidRequest"),
        ({"x-amz-trailer": ""}, "InvalidRequest"),
    ],
)
def test_promises_that_make_no_sense_are_refused(fields, code):
    with pytest.raises(S3Error, match=code):
        expect(headers(fields), TRAILER)


def test_a_trailer_is_refused_where_none_can_come():
    with pytest.raises(S3Error, match="InvalidRequest"):
        expect(headers({"x-amz-trailer": "x-amz-checksum-crc32"}), Payload(PayloadKind.UNSIGNED))


def test_the_one_checksum_header_is_found_as_it_was_sent():
    assert checksum_headers(headers()) is None
    assert checksum_headers(headers({"X-Amz-Checksum-SHA256": "x-3"})) == ("SHA256", "x-3")
