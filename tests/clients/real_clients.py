"""A gateway for real clients, and what it takes to run them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from outlast.testing.installation import GatewayProcess, Installation


@dataclass(frozen=True)
class Service:
    """A gateway with the access key of a client."""

    installation: Installation
    gateway: GatewayProcess
    access_key_id: str
    secret: str

    def environment(self) -> dict[str, str]:
        """What clients of AWS read from the environment, and nothing of the caller's own."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))
        }
        return inherited | {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.gateway.endpoint,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def boto(self, **config: Any) -> Any:
        """A boto3 client."""
        return boto3.client(
            "s3",
            endpoint_url=self.gateway.endpoint,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )


def serve(folder: Path) -> Iterator[Service]:
    installation = Installation.create(folder)
    key = installation.run("key", "create", "client")
    with installation.serve() as gateway:
        yield Service(installation, gateway, key["access_key_id"], key["secret_access_key"])
        assert gateway.is_running()
        assert "Traceback" not in gateway.said()


def tool(name: str) -> str:
    """The path of a client from Debian. Without it the test is skipped, and fails where `CI=true`."""
    path = shutil.which(name)
    if path is None:
        told = f"{name} is not installed: apt-get install {name}"
        assert os.environ.get("CI") != "true", told
        pytest.skip(told)
    return path


def run(
    command: Sequence[str | Path], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a client to its end; a failure shows what it said."""
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done


def aws(service: Service, *arguments: str | Path, **environment: str) -> str:
    """Run the awscli of this environment; what it printed."""
    program = Path(sys.executable).with_name("aws")
    return run([sys.executable, program, *arguments], service.environment() | environment).stdout


def make_tree(folder: Path, files: int) -> Path:
    """A tree of so many files: empty ones, small ones, names that are hard, and a few large ones."""
    for number in range(files):
        path = folder / f"d{number % 20}" / f"sub {number % 7}" / f"file-{number} ü+&=%.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = (0, 1, 100, 5000, 20_000)[number % 5] if number % 400 else 9 << 20
        path.write_bytes((b"%d " % number * size)[:size])
    return folder


def same_trees(left: Path, right: Path) -> bool:
    """Whether both have the same files with the same contents."""
    files = [
        sorted(path.relative_to(top) for path in top.rglob("*") if path.is_file()) for top in (left, right)
    ]
    return files[0] == files[1] and all(
        (left / name).read_bytes() == (right / name).read_bytes() for name in files[0]
    )
