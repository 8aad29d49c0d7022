"""`outlast key create|list|delete`: S3 access keys."""

from typing import Any


def test_the_secret_is_shown_once_and_never_listed(shell: Any) -> None:
    made = shell.json("key", "create", "backup")
    assert set(made) == {"name", "access_key_id", "secret_access_key"}
    assert made["name"] == "backup"
    listed = shell.run("key", "list", "--json").stdout
    assert made["access_key_id"] in listed
    assert made["secret_access_key"] not in listed


def test_for_people_it_prints_what_can_be_pasted_into_a_shell(shell: Any) -> None:
    lines = shell.ok("key", "create", "backup").splitlines()
    assert lines[0].startswith("AWS_ACCESS_KEY_ID=")
    assert lines[1].startswith("AWS_SECRET_ACCESS_KEY=")


def test_restrictions_are_listed(shell: Any) -> None:
    assert "outlast bucket" in shell.fails("key", "create", "reader", "--bucket", "photos")
    assert shell.json("key", "list") == []
    shell.ok("bucket", "create", "photos")
    shell.ok("key", "create", "reader", "--bucket", "photos", "--read-only")
    (listed,) = shell.json("key", "list")
    assert listed["bucket"] == "photos"
    assert listed["read_only"] is True
    assert "read" in shell.ok("key", "list")


def test_a_deleted_key_is_gone_and_its_name_free_again(shell: Any) -> None:
    shell.ok("key", "create", "one")
    shell.ok("key", "delete", "one")
    assert shell.json("key", "list") == []
    shell.ok("key", "create", "one")


def test_a_taken_name_and_a_missing_one_fail(shell: Any) -> None:
    shell.ok("key", "create", "one")
    assert "delete it first" in shell.fails("key", "create", "one")
    assert "outlast key list" in shell.fails("key", "delete", "two")


def test_no_provider_can_read_a_secret(shell: Any) -> None:
    secret = shell.json("key", "create", "one")["secret_access_key"].encode()
    for name in ("a", "b", "c"):
        for path in (shell.folder / name).rglob("*"):
            assert not path.is_file() or secret not in path.read_bytes()
