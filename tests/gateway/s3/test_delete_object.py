"""DeleteObject and DeleteObjects."""

import base64
import hashlib
import zlib

import pytest
from running_gateway import Client, RunningGateway, code_of


def keys(s3: Client, bucket: str) -> list[str]:
    """What is in the bucket."""
    return [row["Key"] for row in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_what_is_deleted_is_gone(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for _ in range(2):  # deleting nothing succeeds, too
        assert s3.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert keys(s3, bucket) == []


def test_delete_if_it_is_the_one(s3: Client, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    where = {"Bucket": bucket, "Key": "k"}
    assert code_of(s3.delete_object, **where, IfMatch='"other"') == ("PreconditionFailed", 412)
    s3.delete_object(**where, IfMatch=etag)
    assert code_of(s3.delete_object, **where, IfMatch=etag) == ("NoSuchKey", 404)


def test_delete_in_a_bucket_that_is_not_there(s3: Client) -> None:
    assert code_of(s3.delete_object, Bucket="nosuchbucket", Key="k") == ("NoSuchBucket", 404)
    delete = {"Objects": [{"Key": "k"}]}
    assert code_of(s3.delete_objects, Bucket="nosuchbucket", Delete=delete) == ("NoSuchBucket", 404)


@pytest.mark.parametrize("quiet", [True, False])
def test_many_at_once(s3: Client, bucket: str, quiet: bool) -> None:
    names = ["a", "b/c", "d & <e>", "f//..", "ünï"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    objects = [{"Key": name} for name in [*names, "never was"]]
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": quiet})
    assert "Errors" not in told
    assert [row["Key"] for row in told.get("Deleted", [])] == ([] if quiet else [*names, "never was"])
    assert keys(s3, bucket) == []


def test_each_key_has_its_own_fate(s3: Client, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="right", Body=b"x")["ETag"]
    s3.put_object(Bucket=bucket, Key="wrong", Body=b"x")
    s3.put_object(Bucket=bucket, Key="old", Body=b"x")
    objects = [
        {"Key": "right", "ETag": etag},
        {"Key": "wrong", "ETag": '"other"'},
        {"Key": "old", "VersionId": "abc"},
        {"Key": "x" * 1025},
        {"Key": "plain"},
    ]
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [row["Key"] for row in told["Deleted"]] == ["right", "plain"]
    assert [(row["Key"][:5], row["Code"]) for row in told["Errors"]] == [
        ("wrong", "PreconditionFailed"),
        ("old", "NotImplemented"),
        ("xxxxx", "KeyTooLongError"),
    ]
    assert keys(s3, bucket) == ["old", "wrong"]


def test_a_document_without_a_checksum_deletes_nothing(
    gateway: RunningGateway, s3: Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    for sha256 in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        answer = gateway.exchange(gateway.head("POST", f"/{bucket}?delete", body=body, sha256=sha256) + body)
        assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert keys(s3, bucket) == ["k"]
    checksum = {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()}
    answer = gateway.exchange(gateway.head("POST", f"/{bucket}?delete", checksum, body) + body)
    assert answer.status == 200 and keys(s3, bucket) == []


def test_a_damaged_document_deletes_nothing(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    wrong = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}  # of nothing
    answer = gateway.exchange(gateway.head("POST", f"/{bucket}?delete", wrong, body) + body)
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert keys(s3, bucket) == ["k"]
