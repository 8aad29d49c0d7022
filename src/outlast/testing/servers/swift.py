"""OpenStack Swift with its S3 interface (PyPI): four real servers over one loopback device, no memcached.

A real provider that accepts conditional writes and does not enforce them: several clients that race to
create one name win. It must be refused a vote and is fine for data.
"""

import asyncio
import json
import os
import pwd
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from outlast.testing.s3_client import S3Client
from outlast.testing.servers.process import (
    CannotHave,
    Server,
    ended_on_failure,
    free_port,
    install,
    listens,
    servers_folder,
    start_process,
    wait_until,
)

release = "2.38.3"
key_id, secret = "test:tester", "testing"
key_id_variable, secret_variable = "TEST_SERVER_SWIFT_KEY_ID", "TEST_SERVER_SWIFT_SECRET"
kinds = ("account", "container", "object")
_default = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
user = {user}
workers = 0
log_address = {folder}/no-syslog
"""
_storage = """devices = {folder}/devices
mount_check = false
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_proxy = """[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
check_bucket_owner = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
"""


def start(folder: Path, port: int = 0) -> Server:
    """Start a server with what `folder` holds, at first no buckets. Raises `CannotHave`."""
    folder = folder.absolute()
    home = servers_folder() / f"swift-{release}"
    tools = home / "bin"
    install(
        "swift",
        tools / "swift-proxy-server",
        [
            [sys.executable, "-m", "venv", str(home)],
            [str(tools / "python"), "-m", "pip", "install", "--quiet", f"swift=={release}"],
        ],
    )
    ports = _ports(folder, port)
    if not (folder / "swift.conf").exists():
        _configure(folder, tools, ports)
    log = folder / "swift.log"
    processes = [
        start_process([str(tools / f"swift-{kind}-server"), str(folder / f"{kind}.conf"), "-v"], log)
        for kind in (*kinds, "proxy")
    ]
    server = Server(
        f"http://127.0.0.1:{ports['proxy']}", processes, {key_id_variable: key_id, secret_variable: secret}
    )
    with ended_on_failure(processes):
        wait_until(lambda: all(map(listens, ports.values())) and _healthy(server), processes, log)
    return server


def _ports(folder: Path, port: int) -> dict[str, int]:
    """Return a port for each server. They are in the rings, so they never change."""
    kept = folder / "ports.json"
    if not kept.exists():
        ports = {kind: free_port() for kind in kinds} | {"proxy": port or free_port()}
        kept.write_text(json.dumps(ports))
    return {str(kind): int(port) for kind, port in json.loads(kept.read_text()).items()}


def _configure(folder: Path, tools: Path, ports: dict[str, int]) -> None:
    (folder / "devices/d1").mkdir(parents=True, exist_ok=True)
    _check_attributes(folder / "devices/d1")
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_prefix = outlast\nswift_hash_path_suffix = outlast\n"
        "[storage-policy:0]\nname = one\ndefault = yes\n"
    )
    user = pwd.getpwuid(os.getuid()).pw_name
    for kind, port in ports.items():
        text = (_default + (_proxy if kind == "proxy" else _storage)).format(
            port=port, folder=folder, user=user, kind=kind
        )
        (folder / f"{kind}.conf").write_text(text)
        if kind != "proxy":
            ring = [str(tools / "swift-ring-builder"), str(folder / f"{kind}.builder")]
            for step in (
                ["create", "4", "1", "0"],
                ["add", f"r1z1-127.0.0.1:{port}/d1", "1"],
                ["rebalance"],
            ):
                subprocess.run([*ring, *step], check=False, capture_output=True)


def _check_attributes(device: Path) -> None:
    try:
        os.setxattr(device, "user.outlast", b"1")
    except OSError as error:
        raise CannotHave(f"swift keeps metadata in extended attributes, which {device} lacks") from error


def _healthy(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/healthcheck", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def make_bucket(server: Server, bucket: str) -> None:
    """Create a bucket through the S3 interface, with the one user's key."""
    host, _, port = server.url.removeprefix("http://").partition(":")

    async def make() -> None:
        async with S3Client(host, int(port), key_id, secret) as client:
            answer = await client.create_bucket(bucket)
            assert answer.status == 200, f"swift refuses a bucket: {answer.status}"

    asyncio.run(make())
