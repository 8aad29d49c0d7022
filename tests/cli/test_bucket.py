"""`outlast bucket create|list|delete`."""

from typing import Any


def test_a_bucket_that_was_made_is_listed_and_can_be_deleted(shell: Any) -> None:
    assert shell.json("bucket", "create", "photos") == {"name": "photos"}
    assert [bucket["name"] for bucket in shell.json("bucket", "list")] == ["photos"]
    assert "photos" in shell.ok("bucket", "list")
    shell.ok("bucket", "delete", "photos")
    assert shell.json("bucket", "list") == []


def test_making_it_twice_fails_with_advice(bucket: Any) -> None:
    assert "already" in bucket.fails("bucket", "create", "bucket")


def test_a_bad_name_fails_with_the_rule(shell: Any) -> None:
    assert "3 to 63" in shell.fails("bucket", "create", "Not A Bucket")


def test_a_bucket_with_objects_is_not_deleted(bucket: Any) -> None:
    bucket.ok("cp", "-", "outlast://bucket/key", input=b"x")
    assert "empty it first" in bucket.fails("bucket", "delete", "bucket")


def test_a_missing_bucket_fails(shell: Any) -> None:
    shell.fails("bucket", "delete", "missing")


def test_an_error_with_json_is_one_object_on_standard_error(shell: Any) -> None:
    import json

    result = shell.run("bucket", "delete", "missing", "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    error = json.loads(result.stderr)
    assert error["error"] == "NoSuchBucket"
    assert error["remedy"]
