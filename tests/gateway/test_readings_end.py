"""However a request that reads an object ends, nothing of it is left: no memory, no task."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from running_gateway import MIB, Client, Raw, RunningGateway

from outlast.base.errors import StoreUnavailable

SIZE = 20 * MIB
MANY = 10
"""More readings than there would be memory for, if each kept what it had fetched."""


@pytest.fixture(scope="module")
def large(gateway: RunningGateway) -> str:
    """The path of a large object."""
    bucket = gateway.new_name()
    s3 = gateway.client()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(SIZE))
    return f"/{bucket}/k"


@pytest.fixture(autouse=True)
def nothing_left(gateway: RunningGateway) -> Iterator[None]:
    """The readers' memory is as empty afterwards as it was before."""
    memory = gateway.world.store.reader.memory
    assert memory.used == 0
    yield
    deadline = time.monotonic() + 20
    while memory.used or memory._lent:
        assert time.monotonic() < deadline, f"{memory.used} bytes are left"
        time.sleep(0.01)


REFUSED = {
    "a header that cannot be": ("?response-content-type=%01", {}, 400),
    "an unknown part": ("?partNumber=3", {}, 416),
    "a range outside": ("", {"Range": f"bytes={SIZE}-"}, 416),
    "not modified": ("", {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
    "a failed condition": ("", {"If-Match": "other"}, 412),
}


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_refused_reads_nothing(
    gateway: RunningGateway, large: str, method: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, headers, status = REFUSED[why]

    def fetch(window: object) -> object:
        raise AssertionError("fetched in vain")

    monkeypatch.setattr(gateway.world.store.reader, "fetch", fetch)
    for _ in range(MANY):
        with gateway.connection() as raw:
            raw.send(gateway.head(method, large + query, headers))
            assert raw.answer(method).status == status


def take_a_little(raw: Raw) -> None:
    assert raw.sock.recv(100_000)


def reset(raw: Raw) -> None:
    """Break the connection off as a process does that dies with unread data."""
    raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


@pytest.mark.parametrize("end", [lambda raw: None, reset], ids=["closed", "reset"])
@pytest.mark.parametrize("first", [lambda raw: None, take_a_little], ids=["at once", "in the middle"])
@pytest.mark.parametrize("headers", [{}, {"Range": f"bytes=5-{SIZE // 2}"}], ids=["all", "range"])
def test_a_client_that_goes_away_leaves_nothing(
    gateway: RunningGateway,
    large: str,
    headers: dict[str, str],
    first: Callable[[Raw], None],
    end: Callable[[Raw], None],
) -> None:
    for _ in range(MANY):
        with gateway.connection() as raw:
            raw.send(gateway.head("GET", large, headers))
            first(raw)
            end(raw)


def test_a_client_that_takes_nothing_is_given_up(
    gateway: RunningGateway, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outlast.gateway.s3.get_object.STALL_S_MAX", 0.2)
    with gateway.connection() as raw:
        raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        raw.send(gateway.head("GET", large))
        deadline = time.monotonic() + 20
        while gateway.world.store.reader.memory.used or not raw.sock.recv(1):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def fail(*arguments: object, **options: object) -> None:
    raise StoreUnavailable("on purpose")


@pytest.mark.parametrize("where", ["version_headers", "_stream", "_send"])
def test_a_failure_on_the_way_leaves_nothing(
    gateway: RunningGateway, large: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"outlast.gateway.s3.get_object.{where}", fail)
    for _ in range(MANY):
        with gateway.connection() as raw:
            raw.send(gateway.head("GET", large))
            raw.sock.recv(1000)


def test_a_copy_that_fails_leaves_nothing_of_its_source(
    gateway: RunningGateway, large: str, s3: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    summed = s3.create_multipart_upload(Bucket=bucket, Key="n", ChecksumAlgorithm="CRC32C")["UploadId"]
    requests = (
        (f"/{bucket}/m?partNumber=1&uploadId={plain}", {}),
        (f"/{bucket}/n?partNumber=1&uploadId={summed}", {}),
        (f"/{bucket}/o", {"x-amz-checksum-algorithm": "SHA256"}),
    )

    monkeypatch.setattr("outlast.store.digests.Digests.feed", fail)
    for path, headers in requests:
        for _ in range(MANY):
            source = {"x-amz-copy-source": large, **headers}
            answer = gateway.exchange(gateway.head("PUT", path, source))
            assert answer.status == 503
