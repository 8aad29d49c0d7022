"""Our strict Google Cloud Storage, as a process. It keeps its objects in memory."""

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

# No real account: the server requires no proof.
key = '{"disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}'
key_variable = "TEST_SERVER_GOOGLE_KEY"


def start(folder: Path, port: int = 0, bucket: str = "bucket") -> Server:
    """Start a server with an empty bucket."""
    port, log = port or free_port(), folder / "gcs.log"
    command = [sys.executable, "-m", "outlast.testing.gcs_server", "--port", str(port), bucket]
    processes = [start_process(command, log)]
    with ended_on_failure(processes):
        wait_until(lambda: listens(port), processes, log)
    return Server(f"http://127.0.0.1:{port}", processes, {key_variable: key})
