"""wsgidav, a WebDAV server (PyPI, in the development environment), over a folder."""

import json
import sys
from pathlib import Path

from outlast.testing.servers.process import (
    Server,
    ended_on_failure,
    free_port,
    listens,
    start_process,
    wait_until,
)

user, password = "somebody", "a password for tests"
password_variable = "TEST_SERVER_WEBDAV_PASSWORD"


def start(folder: Path, port: int = 0) -> Server:
    """Start a server that shares `folder`/share with one user."""
    folder, port = folder.absolute(), port or free_port()
    share = folder / "share"
    share.mkdir(exist_ok=True)
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "server": "cheroot",
        # Its own defaults drop connections when more than a few arrive at once.
        "server_args": {"request_queue_size": 128, "numthreads": 16},
        "provider_mapping": {"/": str(share)},
        "simple_dc": {"user_mapping": {"*": {user: {"password": password}}}},
        "http_authenticator": {"accept_digest": False, "default_to_digest": False},
        "property_manager": False,
        "lock_storage": False,
        "verbose": 1,
    }
    config = folder / "wsgidav.json"
    config.write_text(json.dumps(settings))
    log = folder / "wsgidav.log"
    processes = [
        start_process([sys.executable, "-m", "wsgidav.server.server_cli", "--config", str(config)], log)
    ]
    with ended_on_failure(processes):
        wait_until(lambda: listens(port), processes, log)
    return Server(f"webdav+http://127.0.0.1:{port}", processes, {password_variable: password})
