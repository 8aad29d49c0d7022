"""The AWS command line, as people use it."""

import json
import urllib.request
from pathlib import Path

import pytest
from real_clients import Service, aws, make_tree, same_trees

pytestmark = [pytest.mark.client, pytest.mark.slow, pytest.mark.xdist_group("clients")]

ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]


def test_cp_moves_files_of_every_size_there_and_back(service: Service, bucket: str, tmp_path: Path) -> None:
    for size in (0, 1, 100_000, 20 << 20):
        source, back = tmp_path / "source", tmp_path / "back"
        source.write_bytes((b"%d " % size * size)[:size])
        aws(service, "s3", "cp", source, f"s3://{bucket}/dir/file {size}")
        aws(service, "s3", "cp", f"s3://{bucket}/dir/file {size}", back)
        assert back.read_bytes() == source.read_bytes()
    listed = aws(service, "s3", "ls", "--recursive", f"s3://{bucket}/")
    assert "dir/file 20971520" in listed


def test_sync_copies_what_differs_and_deletes_what_is_gone(
    service: Service, bucket: str, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "tree", 100)
    aws(service, "s3", "sync", tree, f"s3://{bucket}/tree")
    assert aws(service, "s3", "sync", tree, f"s3://{bucket}/tree") == ""
    next(tree.rglob("file-7 *")).unlink()
    assert "delete: " in aws(service, "s3", "sync", "--delete", tree, f"s3://{bucket}/tree")
    aws(service, "s3", "sync", f"s3://{bucket}/tree", tmp_path / "back")
    assert same_trees(tree, tmp_path / "back")
    aws(service, "s3", "rm", "--recursive", f"s3://{bucket}/")
    aws(service, "s3", "rb", f"s3://{bucket}")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_s3api_sends_and_gets_checksums(
    service: Service, bucket: str, tmp_path: Path, algorithm: str
) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(b"checked")
    where = ["--bucket", bucket, "--key", "key"]
    put = json.loads(
        aws(service, "s3api", "put-object", *where, "--body", source, "--checksum-algorithm", algorithm)
    )
    got = json.loads(aws(service, "s3api", "get-object", *where, "--checksum-mode", "ENABLED", back))
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert back.read_bytes() == b"checked"


def test_presigned_urls_are_answered(service: Service, bucket: str, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n    signature_version = s3v4\n")  # the CLI's default is long retired
    source = tmp_path / "source"
    source.write_bytes(b"shared")
    aws(service, "s3", "cp", source, f"s3://{bucket}/key")
    presign = ["s3", "presign", f"s3://{bucket}/key", "--expires-in", "60"]
    url = aws(service, *presign, AWS_CONFIG_FILE=str(config)).strip()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"shared"
