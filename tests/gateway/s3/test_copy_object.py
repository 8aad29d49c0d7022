"""CopyObject."""

import pytest
from running_gateway import MIB, Client, RunningGateway, code_of


@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_a_copy_has_content_and_attributes(s3: Client, bucket: str, size: int) -> None:
    put = s3.put_object(Bucket=bucket, Key="a", Body=bytes(size), ContentType="text/x", Metadata={"m": "1"})
    told = s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")["CopyObjectResult"]
    assert (told["ETag"], told["ChecksumCRC32"]) == (put["ETag"], put["ChecksumCRC32"])
    s3.delete_object(Bucket=bucket, Key="a")
    got = s3.get_object(Bucket=bucket, Key="b")
    assert got["Body"].read() == bytes(size)
    assert (got["ContentType"], got["Metadata"]) == ("text/x", {"m": "1"})


def test_attributes_can_be_replaced(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ContentType="text/x", Metadata={"m": "1"})
    s3.copy_object(
        Bucket=bucket,
        Key="a",
        CopySource=f"{bucket}/a",
        MetadataDirective="REPLACE",
        ContentType="text/y",
        Metadata={"n": "2"},
    )
    got = s3.head_object(Bucket=bucket, Key="a")
    assert (got["ContentType"], got["Metadata"]) == ("text/y", {"n": "2"})


def test_copying_onto_itself_must_change_something(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    copy = {"Bucket": bucket, "Key": "a", "CopySource": f"{bucket}/a"}
    assert code_of(s3.copy_object, **copy) == ("InvalidRequest", 400)
    for named in ({"StorageClass": "STANDARD"}, {"ServerSideEncryption": "AES256"}):
        s3.copy_object(**copy, **named)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"


def test_a_plus_in_the_source_is_a_space(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    for key in ("a b", "a+b"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for source in ("a+b", "a%20b", "a b", "a%2Bb"):
        head = gateway.head("PUT", f"/{bucket}/c", {"x-amz-copy-source": f"{bucket}/{source}"})
        assert gateway.exchange(head).status == 200
        expected = b"a+b" if source == "a%2Bb" else b"a b"
        assert s3.get_object(Bucket=bucket, Key="c")["Body"].read() == expected


def test_conditions_on_the_source(s3: Client, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    copy = {"Bucket": bucket, "Key": "b", "CopySource": f"{bucket}/a"}
    for condition in ({"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": etag}):
        assert code_of(s3.copy_object, **copy, **condition) == ("PreconditionFailed", 412)
    s3.copy_object(**copy, CopySourceIfMatch=etag)


def test_conditions_on_the_target(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    etag = s3.put_object(Bucket=bucket, Key="b", Body=b"y")["ETag"]
    copy = {"Bucket": bucket, "Key": "b", "CopySource": f"{bucket}/a"}
    assert code_of(s3.copy_object, **copy, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code_of(s3.copy_object, **copy, IfMatch='"other"') == ("PreconditionFailed", 412)
    s3.copy_object(**copy, IfMatch=etag)


@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_a_checksum_that_the_source_does_not_have(s3: Client, bucket: str, size: int) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=bytes(size), Metadata={"m": "1"})
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a", ChecksumAlgorithm="SHA256")
    want = s3.put_object(Bucket=bucket, Key="c", Body=bytes(size), ChecksumAlgorithm="SHA256")
    got = s3.get_object(Bucket=bucket, Key="b", ChecksumMode="ENABLED")
    assert got["ChecksumSHA256"] == want["ChecksumSHA256"] and got["Metadata"] == {"m": "1"}
    assert got["Body"].read() == bytes(size)


def test_bad_sources_are_refused(s3: Client, bucket: str) -> None:
    target = {"Bucket": bucket, "Key": "b"}
    assert code_of(s3.copy_object, **target, CopySource=f"{bucket}/none") == ("NoSuchKey", 404)
    assert code_of(s3.copy_object, **target, CopySource="nosuchbucket/k") == ("NoSuchBucket", 404)
    assert code_of(s3.copy_object, **target, CopySource="nokey") == ("InvalidArgument", 400)
    old = {"Bucket": bucket, "Key": "a", "VersionId": "abc"}
    assert code_of(s3.copy_object, **target, CopySource=old) == ("NotImplemented", 501)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    s3.copy_object(**target, CopySource={**old, "VersionId": "null"})
