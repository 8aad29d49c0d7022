"""Checksums of all five algorithms through boto3, in the ways in which SDKs send them."""

import base64
import hashlib
import zlib

import pytest
from botocore.config import Config
from running_gateway import MIB, Client, RunningGateway, code_of

ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]


def crc32(data: bytes) -> str:
    """As S3 writes it."""
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def sha256(data: bytes) -> str:
    """As S3 writes it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@pytest.mark.parametrize("size", [0, 4096, 1 * MIB])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_verified_stored_and_returned(s3: Client, bucket: str, algorithm: str, size: int) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=bytes(size), ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    assert put["ChecksumType"] == "FULL_OBJECT"
    for read in (s3.get_object, s3.head_object):
        got = read(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        assert got[name] == put[name]
        assert got["ChecksumType"] == "FULL_OBJECT"
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ([algorithm], "FULL_OBJECT")


def test_todays_default_is_a_crc32_in_a_trailer(s3: Client, bucket: str) -> None:
    data = bytes(range(256)) * 1000
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.get_object(Bucket=bucket, Key="k")  # asks for the checksum and verifies it while reading
    assert got["ChecksumCRC32"] == crc32(data)
    assert got["Body"].read() == data


def test_a_range_has_no_checksum_of_the_whole(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-3", ChecksumMode="ENABLED")
    assert "ChecksumCRC32" not in got and got["Body"].read() == b"23"


@pytest.mark.parametrize("size", [4096, 1 * MIB])
@pytest.mark.parametrize(
    "wrong",
    [
        {"ChecksumCRC32": crc32(b"other")},
        {"ChecksumSHA256": sha256(b"other")},
        {"ContentMD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()},
    ],
)
def test_a_wrong_one_stores_nothing(s3: Client, bucket: str, wrong: dict[str, str], size: int) -> None:
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=bytes(size), **wrong) == ("BadDigest", 400)
    assert code_of(s3.head_object, Bucket=bucket, Key="k")[1] == 404


@pytest.mark.parametrize(
    ("malformed", "code"),
    [({"ContentMD5": "abc"}, "InvalidDigest"), ({"ChecksumSHA1": "abc"}, "InvalidRequest")],
)
def test_a_malformed_one_is_refused(s3: Client, bucket: str, malformed: dict[str, str], code: str) -> None:
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **malformed) == (code, 400)


def test_a_right_content_md5_is_fine(s3: Client, bucket: str) -> None:
    md5 = base64.b64encode(hashlib.md5(b"data").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ContentMD5=md5)


@pytest.mark.parametrize("size", [0, 1, 65536, 300_000, 3 * MIB])
@pytest.mark.parametrize("signed", [True, False])
def test_without_checksums_payloads_signed_and_unsigned(
    gateway: RunningGateway, size: int, signed: bool
) -> None:
    client = gateway.client(
        request_checksum_calculation="when_required", response_checksum_validation="when_required"
    )
    client.meta.config.merge(Config(s3={"payload_signing_enabled": signed}))
    bucket = gateway.new_name()
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="k", Body=bytes(size))
    got = client.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == bytes(size)
    assert not [name for name in got if name.startswith("Checksum")]


def test_an_encoding_is_stored_without_the_framing(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentEncoding="zstd")
    assert gateway.exchange(gateway.head("GET", f"/{bucket}/k")).headers["content-encoding"] == "zstd"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "content-encoding" not in gateway.exchange(gateway.head("GET", f"/{bucket}/k")).headers
