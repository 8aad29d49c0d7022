"""The Python SDK with its defaults and its other ways of signing and sending, against a gateway process.

What each operation answers in each case is tested in `tests/gateway/s3`; here they go over the wire.
"""

import io
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from real_clients import Service

pytestmark = [pytest.mark.client, pytest.mark.slow, pytest.mark.xdist_group("clients")]

LARGE = bytes(range(256)) * 90_000
"""23 MB: three parts of the SDK's default 8 MiB."""

CONFIGS = [
    {},
    {"s3": {"addressing_style": "virtual"}},
    {"s3": {"payload_signing_enabled": True}},
    {"s3": {"payload_signing_enabled": False}},
    {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"},
    {"user_agent_extra": "aws-chunked"},
]


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_objects_go_there_and_back(service: Service, bucket: str, config: dict[str, object]) -> None:
    s3 = service.boto(**config)
    for body in (b"", b"small", LARGE):
        put = s3.put_object(
            Bucket=bucket, Key="a/ü +", Body=io.BytesIO(body), ContentType="x/y", Metadata={"who": "me"}
        )
        got = s3.get_object(Bucket=bucket, Key="a/ü +")
        assert got["Body"].read() == body
        assert (got["ETag"], got["ContentType"], got["Metadata"]) == (put["ETag"], "x/y", {"who": "me"})
        ranged = s3.get_object(Bucket=bucket, Key="a/ü +", Range="bytes=1-3")["Body"].read() if body else b""
        assert ranged == body[1:4]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_transfers_in_parts_carry_checksums(
    service: Service, bucket: str, tmp_path: Path, algorithm: str
) -> None:
    s3 = service.boto()
    parts = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)
    s3.upload_fileobj(io.BytesIO(LARGE), bucket, "large", {"ChecksumAlgorithm": algorithm}, Config=parts)
    s3.download_file(bucket, "large", str(tmp_path / "large"), Config=parts)
    assert (tmp_path / "large").read_bytes() == LARGE
    head = s3.head_object(Bucket=bucket, Key="large", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-3"')
    assert f"Checksum{algorithm}" in head
    assert s3.get_object(Bucket=bucket, Key="large", PartNumber=3)["PartsCount"] == 3


def test_buckets_and_listings(service: Service, bucket: str) -> None:
    s3 = service.boto()
    assert bucket in [row["Name"] for row in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] in (None, "us-east-1")
    keys = [f"{a}/{b}" for a in "abc" for b in range(5)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4})
    assert [row["Key"] for page in pages for row in page["Contents"]] == keys
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4})
    assert [row["Key"] for page in pages for row in page["Contents"]] == keys
    rolled = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="", StartAfter="a0")
    assert [row["Prefix"] for row in rolled["CommonPrefixes"]] == ["b/", "c/"]
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert len(deleted["Deleted"]) == 15
    s3.delete_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as error:
        s3.head_bucket(Bucket=bucket)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_conditions_hold(service: Service, bucket: str) -> None:
    s3 = service.boto()
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"0"'}):
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket=bucket, Key="k", Body=b"2", **condition)
        assert code_of(error) == "PreconditionFailed"
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    assert code_of(error) == "PreconditionFailed"


def test_copies_and_parts_by_copy(service: Service, bucket: str) -> None:
    s3 = service.boto()
    s3.put_object(Bucket=bucket, Key="source", Body=LARGE, Metadata={"a": "b"})
    source = {"Bucket": bucket, "Key": "source"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"] == {"a": "b"}
    upload = s3.create_multipart_upload(Bucket=bucket, Key="joined")["UploadId"]
    parts = []
    for number, span in enumerate(["bytes=0-5242879", "bytes=5242880-5242889"], 1):
        copied = s3.upload_part_copy(
            Bucket=bucket,
            Key="joined",
            UploadId=upload,
            PartNumber=number,
            CopySource=source,
            CopySourceRange=span,
        )
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    assert len(s3.list_parts(Bucket=bucket, Key="joined", UploadId=upload)["Parts"]) == 2
    assert s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["UploadId"] == upload
    s3.complete_multipart_upload(
        Bucket=bucket, Key="joined", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert s3.get_object(Bucket=bucket, Key="joined")["Body"].read() == LARGE[:5242890]
    other = s3.create_multipart_upload(Bucket=bucket, Key="never")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="never", UploadId=other)
    with pytest.raises(ClientError) as error:
        s3.list_parts(Bucket=bucket, Key="never", UploadId=other)
    assert code_of(error) == "NoSuchUpload"


def test_a_restricted_key_may_do_its_part_only(service: Service, bucket: str) -> None:
    key = service.installation.run("key", "create", f"reader-{bucket}", "--bucket", bucket, "--read-only")
    service.boto().put_object(Bucket=bucket, Key="k", Body=b"1")
    reader = Service(
        service.installation, service.gateway, key["access_key_id"], key["secret_access_key"]
    ).boto()
    assert reader.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    for call in (
        lambda: reader.put_object(Bucket=bucket, Key="k", Body=b"2"),
        lambda: reader.list_objects_v2(Bucket="another-bucket"),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert code_of(error) == "AccessDenied"
