"""Bucket names and keys are taken or refused as S3 does."""

import pytest

from outlast.base.errors import BadBucketName, KeyTooLong, NoSuchKey
from outlast.store.names import check_bucket_name, check_key


@pytest.mark.parametrize("name", ["abc", "a-b", "a.b.c", "0ab", "x" * 63, "1.2.3.x", "logs-2024"])
def test_s3s_bucket_names_are_taken(name: str) -> None:
    check_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "ab", "x" * 64, "Abc", "a_b", "-ab", "ab-", ".ab", "ab.", "a..b", "192.168.1.1", "xn--abc",
     "sthree-a", "abc-s3alias", "abc--ol-s3", "a b", "a/b", "äbc", "abc\n", "abc\0"],
)  # fmt: skip
def test_others_are_refused(name: str) -> None:
    with pytest.raises(BadBucketName):
        check_bucket_name(name)


@pytest.mark.parametrize(
    "key", ["a", "..", "../..", "//", "/a", "a\0b", "\n", "é" * 512, "x" * 1024, "𝄞" * 256]
)
def test_keys_are_opaque(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize("key", ["x" * 1025, "é" * 513, "𝄞" * 257])
def test_keys_are_at_most_1024_bytes_of_utf8(key: str) -> None:
    with pytest.raises(KeyTooLong):
        check_key(key)


@pytest.mark.parametrize("key", ["", "a\ud800"])
def test_what_cannot_be_a_key_is_not_there(key: str) -> None:
    with pytest.raises(NoSuchKey):
        check_key(key)
