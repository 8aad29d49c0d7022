"""moto's S3 (PyPI, in the development environment).

It keeps its objects in memory. It checks a condition and then writes, without a lock: good enough to try
functions, no proof of atomicity.
"""

import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from outlast.testing.servers.process import (
    Server,
    ended_on_failure,
    free_port,
    listens,
    start_process,
    wait_until,
)


def start(folder: Path, port: int = 0) -> Server:
    """Start a server without buckets. `make_bucket` creates one."""
    folder, port = folder.absolute(), port or free_port()
    log = folder / "moto.log"
    processes = [
        start_process(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            log,
            # The bucket is in the path, whatever the host's name.
            {"S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true"},
        )
    ]
    with ended_on_failure(processes):
        wait_until(lambda: listens(port), processes, log)
    return Server(f"http://127.0.0.1:{port}", processes)


def make_bucket(server: Server, bucket: str, lockable: bool = False) -> None:
    """Create a bucket; `lockable`: one whose objects can be locked, which makes it versioned."""
    _put(server, bucket, "", {"x-amz-bucket-object-lock-enabled": "true"} if lockable else {})


def switch_versioning_on(server: Server, bucket: str) -> None:
    """Make the bucket keep everything that is overwritten or deleted from now on."""
    _put(
        server,
        f"{bucket}?versioning",
        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    )


def lock_new_objects(server: Server, bucket: str) -> None:
    """Keep what is written to a lockable bucket from now on for a day; no request can delete it."""
    rule = "<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
    _put(
        server,
        f"{bucket}?object-lock",
        f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>",
    )


def _put(server: Server, what: str, body: str, headers: Mapping[str, str] | None = None) -> None:
    """Send a request; moto does not verify signatures."""
    request = urllib.request.Request(
        f"{server.url}/{what}",
        data=body.encode(),
        method="PUT",
        headers={
            "Authorization": "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request",
            "Content-Type": "application/xml",
            **(headers or {}),
        },
    )
    urllib.request.urlopen(request).close()
