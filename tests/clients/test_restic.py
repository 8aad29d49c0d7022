"""restic from Debian keeps its repository here, also when a provider is lost in the middle of a backup."""

import subprocess
from pathlib import Path

import pytest
from real_clients import Service, make_tree, run, same_trees, tool

pytestmark = [pytest.mark.client, pytest.mark.slow, pytest.mark.xdist_group("clients")]

FILES = 2000
# Slow enough that there is a middle in which to lose a provider.
UPLOAD_KIB_S = "4000"


def repository(service: Service, bucket: str, tmp_path: Path) -> tuple[list[str | Path], dict[str, str]]:
    """The beginning of every restic command, and its environment."""
    restic = tool("restic")
    environment = service.environment() | {
        "RESTIC_REPOSITORY": f"s3:{service.gateway.endpoint}/{bucket}/repository",
        "RESTIC_PASSWORD": "a password",
        "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
    }
    return [restic, "--option", "s3.bucket-lookup=path"], environment


def test_backup_check_and_restore(service: Service, bucket: str, tmp_path: Path) -> None:
    restic, environment = repository(service, bucket, tmp_path)
    tree = make_tree(tmp_path / "tree", FILES)
    run([*restic, "init"], environment)
    run([*restic, "backup", "."], environment, tree)
    assert "no errors were found" in run([*restic, "check", "--read-data"], environment).stdout
    run([*restic, "restore", "latest", "--target", tmp_path / "back"], environment)
    assert same_trees(tree, tmp_path / "back")


def test_a_backup_survives_the_loss_of_a_provider_in_the_middle(doomed: Service, tmp_path: Path) -> None:
    restic, environment = repository(doomed, "backups", tmp_path)
    doomed.boto().create_bucket(Bucket="backups")
    tree = make_tree(tmp_path / "tree", FILES)
    run([*restic, "init"], environment)
    provider = doomed.installation.provider("b")

    def packs() -> int:
        return doomed.boto().list_objects_v2(Bucket="backups", Prefix="repository/data/")["KeyCount"]  # type: ignore[no-any-return]

    with subprocess.Popen(
        [*restic, "--limit-upload", UPLOAD_KIB_S, "backup", "--compression", "off", "."],
        env=environment,
        cwd=tree,
        stderr=subprocess.PIPE,
    ) as backup:
        while backup.poll() is None and packs() < 2:
            pass
        assert backup.poll() is None, "it was too fast for this test: allow it fewer KiB a second"
        provider.rename(tmp_path / "lost")
        _, said = backup.communicate()
    assert backup.returncode == 0, said
    assert "no errors were found" in run([*restic, "check", "--read-data"], environment).stdout
    run([*restic, "restore", "latest", "--target", tmp_path / "back"], environment)
    assert same_trees(tree, tmp_path / "back")
