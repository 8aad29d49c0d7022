"""PutObject, GetObject and HeadObject as boto3 uses them."""

import hashlib
from email.header import decode_header, make_header

import pytest
from running_gateway import MIB, Client, RunningGateway, code_of

SIZES = [0, 1, 4096, 128 * 1024, 128 * 1024 + 1, 1 * MIB, 5 * MIB + 7, 17 * MIB + 13]


def content(size: int) -> bytes:
    """Bytes that differ everywhere."""
    return b"".join(number.to_bytes(8, "big") for number in range(size // 8 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_comes_back_as_it_was_put(s3: Client, bucket: str, size: int) -> None:
    data = content(size)
    put = s3.put_object(Bucket=bucket, Key="key", Body=data)
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="key")
    assert got["Body"].read() == data
    assert got["ContentLength"] == size
    assert got["ETag"] == put["ETag"]
    assert got["ContentType"] == "binary/octet-stream"
    assert got["AcceptRanges"] == "bytes"
    assert s3.head_object(Bucket=bucket, Key="key")["ContentLength"] == size


def test_content_headers_and_metadata_come_back(s3: Client, bucket: str) -> None:
    said = {
        "ContentType": "text/plain; charset=utf-8",
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="a b.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de-CH",
    }
    s3.put_object(
        Bucket=bucket, Key="k", Body=b"not gzip at all", Metadata={"Colour": "blue", "n": "1"}, **said
    )
    for got in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert {name: got[name] for name in said} == said
        assert got["Metadata"] == {"colour": "blue", "n": "1"}


@pytest.mark.parametrize("value", ["ÄMÄZÕÑ S3", "Å", "日本語" * 40, "plain"])
def test_metadata_beyond_ascii_comes_back_in_encoded_words(
    gateway: RunningGateway, bucket: str, value: str
) -> None:
    """As S3 has it. The last byte of Å ends a header for clients that read Latin-1, as Python's."""
    head = gateway.head("PUT", f"/{bucket}/k", {"x-amz-meta-text": value})
    assert gateway.exchange(head).status == 200
    with gateway.connection() as raw:
        raw.send(gateway.head("HEAD", f"/{bucket}/k"))
        told = raw.answer("HEAD").headers["x-amz-meta-text"]
    assert told.isascii() and all(len(word) <= 75 for word in told.split(" "))
    assert str(make_header(decode_header(told))) == value
    assert (told == value) is value.isascii()


def test_what_everything_is_encrypted_with_is_told(s3: Client, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "k"}
    upload = s3.create_multipart_upload(**where, ServerSideEncryption="AES256")
    part = {**where, "UploadId": upload["UploadId"], "PartNumber": 1}
    answers = [
        upload,
        s3.put_object(**where, Body=b"x", ServerSideEncryption="AES256"),
        s3.put_object(**where, Body=b"x"),
        s3.get_object(**where),
        s3.head_object(**where),
        s3.copy_object(Bucket=bucket, Key="l", CopySource=where, ServerSideEncryption="AES256"),
        s3.upload_part(**part, Body=b"x"),
        s3.upload_part_copy(**part, CopySource=where),
    ]
    assert [answer["ServerSideEncryption"] for answer in answers] == ["AES256"] * len(answers)


def test_expires_comes_back_as_it_was_sent(gateway: RunningGateway, bucket: str) -> None:
    gateway.exchange(gateway.head("PUT", f"/{bucket}/k", {"Expires": "Thu, 01 Dec 2044 16:00:00 GMT"}))
    answer = gateway.exchange(gateway.head("GET", f"/{bucket}/k"))
    assert answer.headers["expires"] == "Thu, 01 Dec 2044 16:00:00 GMT"


def test_metadata_that_is_too_large_is_refused(s3: Client, bucket: str) -> None:
    put = {"Bucket": bucket, "Key": "k", "Body": b"", "Metadata": {"a": "x" * 2048}}
    assert code_of(s3.put_object, **put) == ("MetadataTooLarge", 400)
    assert code_of(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)


def test_bytes_that_are_no_utf8_in_headers_are_read_as_latin1(gateway: RunningGateway, bucket: str) -> None:
    raw = gateway.head("PUT", f"/{bucket}/k").replace(b"\r\n\r\n", b"\r\nCache-Control: caf\xe9\r\n\r\n")
    assert gateway.exchange(raw).status == 200
    assert gateway.exchange(gateway.head("GET", f"/{bucket}/k")).headers["cache-control"] == "café"


def test_overrides_replace_headers_of_the_answer_only(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseContentType="application/json",
        ResponseContentDisposition="inline",
        ResponseCacheControl="no-store",
        ResponseContentLanguage="en",
        ResponseContentEncoding="br",
    )
    assert got["ContentType"] == "application/json"
    assert got["ContentDisposition"] == "inline"
    assert got["CacheControl"] == "no-store"
    assert got["ContentLanguage"] == "en"
    assert got["ContentEncoding"] == "br"
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "text/plain"


def test_an_override_cannot_smuggle_a_header(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    path = f"/{bucket}/k?response-content-type=a%0D%0Ax-evil%3A%201"
    answer = gateway.exchange(gateway.head("GET", path))
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("size", [4096, 9 * MIB])
def test_ranges(s3: Client, bucket: str, size: int) -> None:
    data = content(size)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    for asked, start, stop in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=1-{size * 2}", 1, size),
        (f"bytes={size // 2}-{size // 2 + 2000}", size // 2, size // 2 + 2001),
    ]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["Body"].read() == data[start:stop]
        assert got["ContentRange"] == f"bytes {start}-{min(stop, size) - 1}/{size}"
        head = s3.head_object(Bucket=bucket, Key="k", Range=asked)
        assert head["ContentLength"] == min(stop, size) - start


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "lines=1-2", "bytes=b-a", "bytes=5-2"])
def test_what_is_no_single_range_gives_the_whole(s3: Client, bucket: str, asked: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["Body"].read() == b"0123456789"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_range_outside_of_the_object_is_416(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="empty", Range="bytes=-1")["Body"].read() == b""
    assert code_of(s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-") == ("InvalidRange", 416)
    assert code_of(s3.get_object, Bucket=bucket, Key="empty", Range="bytes=0-0") == ("InvalidRange", 416)
    answer = gateway.exchange(gateway.head("GET", f"/{bucket}/k", {"Range": "bytes=99-"}))
    assert answer.headers["content-range"] == "bytes */10"


def test_conditions_on_reads(s3: Client, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    long_ago = "Thu, 01 Jan 2015 00:00:00 GMT"
    where = {"Bucket": bucket, "Key": "k"}
    for read in (s3.get_object, s3.head_object):
        assert read(**where, IfMatch=etag)["ETag"] == etag
        assert read(**where, IfNoneMatch='"other"')["ETag"] == etag
        assert read(**where, IfModifiedSince=long_ago)["ETag"] == etag
        assert read(**where, IfUnmodifiedSince=modified)["ETag"] == etag
        assert code_of(read, **where, IfMatch='"other"')[1] == 412
        assert code_of(read, **where, IfNoneMatch=etag)[1] == 304
        assert code_of(read, **where, IfModifiedSince=modified)[1] == 304
        assert code_of(read, **where, IfUnmodifiedSince=long_ago)[1] == 412


def test_not_modified_has_an_etag_and_no_body(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    with gateway.connection() as raw:
        for _ in range(2):  # the connection goes on
            raw.send(gateway.head("GET", f"/{bucket}/k", {"If-None-Match": etag}))
            answer = raw.answer()
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)


def test_only_one_may_create_if_absent(s3: Client, bucket: str) -> None:
    put = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**put, Body=b"first", IfNoneMatch="*")
    assert code_of(s3.put_object, **put, Body=b"second", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert s3.get_object(**put)["Body"].read() == b"first"


def test_replace_if_it_is_the_one(s3: Client, bucket: str) -> None:
    put = {"Bucket": bucket, "Key": "k"}
    assert code_of(s3.put_object, **put, Body=b"", IfMatch='"any"') == ("NoSuchKey", 404)
    etag = s3.put_object(**put, Body=b"first")["ETag"]
    assert code_of(s3.put_object, **put, Body=b"x", IfMatch='"other"') == ("PreconditionFailed", 412)
    s3.put_object(**put, Body=b"second", IfMatch=etag)
    assert s3.get_object(**put)["Body"].read() == b"second"


def test_missing_things_are_not_found(s3: Client, bucket: str) -> None:
    assert code_of(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert code_of(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert code_of(s3.get_object, Bucket="nosuchbucket", Key="k") == ("NoSuchBucket", 404)
    assert code_of(s3.put_object, Bucket="nosuchbucket", Key="k", Body=b"x") == ("NoSuchBucket", 404)
    assert code_of(s3.put_object, Bucket="nosuchbucket", Key="k", Body=bytes(MIB)) == ("NoSuchBucket", 404)


def test_part_number_of_an_object_in_one_piece(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="k", PartNumber=1)["Body"].read() == b"x"
    assert code_of(s3.get_object, Bucket=bucket, Key="k", PartNumber=2) == ("InvalidPartNumber", 416)


def test_version_null_is_the_version(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"x"
    assert code_of(s3.get_object, Bucket=bucket, Key="k", VersionId="abc") == ("NotImplemented", 501)
    assert gateway.exchange(gateway.head("GET", f"/{bucket}/k?versionId=")).code == "InvalidArgument"
