"""Azurite, Microsoft's emulator of Azure Blob (npm): one process, with atomic operations.

It keeps its blobs in memory. On disk it would write its index every few seconds, so that a killed one forgot
what it had acknowledged, which Azure does not.
"""

import base64
import hashlib
import hmac
import shutil
import urllib.request
from email.utils import formatdate
from pathlib import Path

from outlast.base.clock import SystemClock
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

release = "3.35.0"
account = "outlasttest"
# The emulator's own published key; it belongs to no real account.
key = base64.b64encode(b"no secret, only for the emulator").decode()
key_variable = "TEST_SERVER_AZURITE_KEY"


def start(folder: Path, port: int = 0) -> Server:
    """Start a server with an account and no containers. Raises `CannotHave`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotHave("azurite needs node and npm")
    home = servers_folder() / f"azurite-{release}"
    home.mkdir(exist_ok=True)
    script = home / "node_modules/azurite/dist/src/blob/main.js"
    quietly = ["--silent", "--no-audit", "--no-fund"]
    install("azurite", script, [[npm, "install", *quietly, "--prefix", str(home), f"azurite@{release}"]])
    folder, port = folder.absolute(), port or free_port()
    log = folder / "azurite.log"
    command = [node, str(script), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent"]
    command += [
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--inMemoryPersistence",
        "--disableProductStyleUrl",
    ]
    processes = [start_process(command, log, {"AZURITE_ACCOUNTS": f"{account}:{key}"})]
    with ended_on_failure(processes):
        wait_until(lambda: listens(port), processes, log)
    return Server(f"http://127.0.0.1:{port}/{account}", processes, {key_variable: key})


def make_container(server: Server, container: str) -> None:
    """Create a container, by a request signed with the account's key."""
    date = formatdate(SystemClock().now(), usegmt=True)
    version = "2023-11-03"
    lines = ["PUT", *[""] * 11, f"x-ms-date:{date}", f"x-ms-version:{version}"]
    lines += [f"/{account}/{account}/{container}", "restype:container"]
    digest = hmac.new(base64.b64decode(key), "\n".join(lines).encode(), hashlib.sha256).digest()
    request = urllib.request.Request(
        f"{server.url}/{container}?restype=container",
        method="PUT",
        headers={
            "x-ms-date": date,
            "x-ms-version": version,
            "Authorization": f"SharedKey {account}:{base64.b64encode(digest).decode()}",
        },
    )
    urllib.request.urlopen(request).close()
