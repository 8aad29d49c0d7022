"""rclone from Debian: a tree goes up, is checked, and comes back."""

from pathlib import Path

import pytest
from real_clients import Service, make_tree, run, same_trees, tool

pytestmark = [pytest.mark.client, pytest.mark.slow, pytest.mark.xdist_group("clients")]


def test_sync_check_and_back(service: Service, bucket: str, tmp_path: Path) -> None:
    rclone = tool("rclone")
    environment = service.environment() | {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_OUTLAST_TYPE": "s3",
        "RCLONE_CONFIG_OUTLAST_PROVIDER": "Other",
        "RCLONE_CONFIG_OUTLAST_ENDPOINT": service.gateway.endpoint,
        "RCLONE_CONFIG_OUTLAST_ENV_AUTH": "true",
    }
    tree, remote = make_tree(tmp_path / "tree", 400), f"outlast:{bucket}/tree"
    run([rclone, "sync", tree, remote], environment)
    said = run([rclone, "check", "--download", tree, remote], environment).stderr
    assert "0 differences found" in said
    assert "400 matching files" in said
    moved = next(tree.rglob("file-7 *"))
    moved.rename(tree / "moved")
    run([rclone, "sync", "--track-renames", tree, remote], environment)
    run([rclone, "sync", remote, tmp_path / "back"], environment)
    assert same_trees(tree, tmp_path / "back")
    run([rclone, "purge", remote], environment)
    assert run([rclone, "lsf", f"outlast:{bucket}"], environment).stdout == ""
