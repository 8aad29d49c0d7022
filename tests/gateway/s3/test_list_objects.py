"""ListObjects and ListObjectsV2."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_gateway import Client, RunningGateway, code_of

NAMES = sorted(
    ["a", "a/b", "a/c/d", "b", "c/1", "c/2", "c/3", "d-e", "d/", "d//x", "z z", "z+z", "é"], key=str.encode
)


@pytest.fixture(scope="module")
def full(gateway: RunningGateway, s3: Client) -> str:
    """A bucket with some names."""
    name = gateway.new_name()
    s3.create_bucket(Bucket=name)
    for key in NAMES:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def rolled_up(names: list[str], prefix: str, delimiter: str) -> tuple[list[str], list[str]]:
    """What S3 says a list is: keys, and common prefixes."""
    keys, prefixes = [], []
    for name in names:
        if name.startswith(prefix):
            head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            if not found:
                keys.append(name)
            elif prefix + head + delimiter not in prefixes:
                prefixes.append(prefix + head + delimiter)
    return keys, prefixes


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
@pytest.mark.parametrize("delimiter", ["", "/", "//", "z"])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "c/", "d/", "nothing"])
@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
def test_pages_add_up_to_the_whole(
    s3: Client, full: str, version: str, prefix: str, delimiter: str, page: int
) -> None:
    pages = list(
        s3.get_paginator(version).paginate(
            Bucket=full, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": page}
        )
    )
    keys = [row["Key"] for part in pages for row in part.get("Contents", [])]
    prefixes = [row["Prefix"] for part in pages for row in part.get("CommonPrefixes", [])]
    assert (keys, prefixes) == rolled_up(NAMES, prefix, delimiter)
    for part in pages:
        assert len(part.get("Contents", [])) + len(part.get("CommonPrefixes", [])) <= page
        assert part["IsTruncated"] is (part is not pages[-1])


def test_what_is_said_of_each_object(s3: Client, full: str) -> None:
    row = s3.list_objects_v2(Bucket=full, FetchOwner=True, Prefix="c/1")["Contents"][0]
    head = s3.head_object(Bucket=full, Key="c/1")
    assert (row["Size"], row["ETag"], row["StorageClass"]) == (3, head["ETag"], "STANDARD")
    assert row["LastModified"].replace(microsecond=0) == head["LastModified"]
    assert row["Owner"]["ID"]
    assert "Owner" not in s3.list_objects_v2(Bucket=full)["Contents"][0]
    assert "Owner" in s3.list_objects(Bucket=full)["Contents"][0]


def test_start_after_and_marker(s3: Client, full: str) -> None:
    after = [name for name in NAMES if name.encode() > b"c/2"]
    v1 = s3.list_objects(Bucket=full, Marker="c/2")
    v2 = s3.list_objects_v2(Bucket=full, StartAfter="c/2")
    for told in (v1, v2):
        assert [row["Key"] for row in told["Contents"]] == after
    assert (v1["Marker"], v2["StartAfter"], v2["KeyCount"]) == ("c/2", "c/2", len(after))
    assert "NextMarker" not in s3.list_objects(Bucket=full, MaxKeys=1)


def test_encoding_is_the_clients_choice(gateway: RunningGateway, full: str) -> None:
    plain = gateway.exchange(gateway.head("GET", f"/{full}?list-type=2&prefix=z"))
    assert b"<Key>z z</Key>" in plain.body
    encoded = gateway.exchange(gateway.head("GET", f"/{full}?encoding-type=url&list-type=2&prefix=z"))
    assert b"<Key>z+z</Key>" in encoded.body and b"<Key>z%2Bz</Key>" in encoded.body


def test_max_keys_is_bounded(s3: Client, full: str) -> None:
    assert s3.list_objects_v2(Bucket=full, MaxKeys=5000)["MaxKeys"] == 1000
    none = s3.list_objects_v2(Bucket=full, MaxKeys=0)
    assert (none["KeyCount"], none["IsTruncated"]) == (0, False)


@pytest.mark.parametrize(
    "query",
    [
        "list-type=2&max-keys=x",
        "list-type=2&max-keys=-1",
        "max-keys=1e3",
        "encoding-type=base64",
        "list-type=3",
        "continuation-token=&list-type=2",
        "continuation-token=%C3%A9&list-type=2",
        "continuation-token=abc&list-type=2",
    ],
)
def test_bad_parameters_are_refused(gateway: RunningGateway, full: str, query: str) -> None:
    answer = gateway.exchange(gateway.head("GET", f"/{full}?{query}"))
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_a_bucket_that_is_not_there(s3: Client) -> None:
    assert code_of(s3.list_objects_v2, Bucket="nosuchbucket") == ("NoSuchBucket", 404)
    assert code_of(s3.list_objects, Bucket="nosuchbucket") == ("NoSuchBucket", 404)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(lambda k: k.strip("/")))
def test_any_key_is_put_listed_got_and_deleted(s3: Client, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    s3.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize(
    "key",
    [
        "..",
        "../../etc/passwd",
        "a/../b",
        "./a",
        ".",
        "a//b",
        "/leading",
        "//leading",
        "trailing/",
        "sp ace",
        "plus+plus",
        "per%cent%2F",
        "a?b#c&d=e;f",
        "\u00fc\U0001f600\u65e5\u672c",
        "nul\x00nul",
        "line\r\nend",
        "é" * 512,
        "x" * 1024,
    ],
)
def test_odd_keys_are_keys_like_any_other(gateway: RunningGateway, s3: Client, key: str) -> None:
    bucket = gateway.new_name()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="etc/passwd", Body=b"other")
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == 1
    assert {row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {key, "etc/passwd"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"x"
    s3.delete_object(Bucket=bucket, Key=key)
    assert s3.get_object(Bucket=bucket, Key="etc/passwd")["Body"].read() == b"other"


def test_a_key_that_is_too_long(s3: Client, bucket: str) -> None:
    for key in ("x" * 1025, "é" * 513):
        for body in (b"x", bytes(1 << 20)):
            assert code_of(s3.put_object, Bucket=bucket, Key=key, Body=body) == ("KeyTooLongError", 400)
    assert code_of(s3.create_multipart_upload, Bucket=bucket, Key="x" * 1025) == ("KeyTooLongError", 400)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
