"""The HTTP side of a gateway: connections, `100 Continue`, bodies that fail on the way, and its end."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from running_gateway import MIB, Client, RunningGateway, code_of
from structlog.testing import capture_logs

from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.gateway.server import GatewayServer
from outlast.providers.wrap.fault import Shape


def put_head(gateway: RunningGateway, bucket: str, size: int, **options: object) -> bytes:
    """The head of a PUT of zeros whose client waits to be told to send them."""
    return gateway.head("PUT", f"/{bucket}/k", body=bytes(size), sent={"Expect": "100-continue"}, **options)


@pytest.mark.parametrize("size", [10, 2 * MIB])
def test_a_client_that_waits_is_told_to_go_on(gateway: RunningGateway, bucket: str, size: int) -> None:
    with gateway.connection() as raw:
        raw.send(put_head(gateway, bucket, size))
        assert raw.answer().status == 100
        raw.send(bytes(size))
        assert raw.answer().status == 200
        raw.send(gateway.head("GET", f"/{bucket}/k"))
        assert len(raw.answer().body) == size


@pytest.mark.parametrize("size", [10, 2 * MIB])
def test_it_is_not_told_so_unless_the_request_is_authentic(
    gateway: RunningGateway, bucket: str, size: int
) -> None:
    wrong = replace(gateway.key, secret="x")
    with gateway.connection() as raw:
        raw.send(put_head(gateway, bucket, size, key=wrong))
        answer = raw.answer()
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
        assert answer.headers["connection"] == "close"


def test_nor_if_the_bucket_is_not_there(gateway: RunningGateway) -> None:
    with gateway.connection() as raw:
        raw.send(put_head(gateway, "nosuchbucket", 2 * MIB))
        answer = raw.answer()
        assert (answer.status, answer.code) == (404, "NoSuchBucket")


def test_every_answer_has_an_id_and_no_two_the_same(gateway: RunningGateway, bucket: str) -> None:
    ids = set()
    with gateway.connection() as raw:
        for path in (f"/{bucket}", f"/{bucket}/none", "/nosuchbucket"):
            raw.send(gateway.head("GET", path))
            answer = raw.answer()
            assert answer.headers["server"] == "Outlast" and answer.headers["date"]
            ids.add(answer.headers["x-amz-request-id"])
            if answer.status == 404:
                assert answer.headers["x-amz-request-id"].encode() in answer.body
    assert len(ids) == 3


def test_a_connection_goes_on_after_an_error(gateway: RunningGateway, bucket: str) -> None:
    with gateway.connection() as raw:
        for _ in range(3):
            raw.send(gateway.head("GET", f"/{bucket}/none"))
            assert raw.answer().code == "NoSuchKey"
            raw.send(gateway.head("HEAD", f"/{bucket}/none"))
            answer = raw.answer("HEAD")
            assert (answer.status, answer.body) == (404, b"")


def test_requests_sent_before_the_answers_are_answered_in_order(
    gateway: RunningGateway, s3: Client, bucket: str
) -> None:
    for name in ("a", "b", "c"):
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    with gateway.connection() as raw:
        raw.send(b"".join(gateway.head("GET", f"/{bucket}/{name}") for name in ("a", "b", "c")))
        assert [raw.answer().body for _ in range(3)] == [b"a", b"b", b"c"]


def test_a_client_that_is_done_sending_gets_its_answer(
    gateway: RunningGateway, s3: Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(9 * MIB))
    with gateway.connection() as raw:
        raw.send(gateway.head("GET", f"/{bucket}/k"))
        raw.finish()
        assert len(raw.answer().body) == 9 * MIB
        assert raw.closed


def test_an_old_client_is_served(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with gateway.connection() as raw:
        raw.send(gateway.head("GET", f"/{bucket}/k").replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert raw.answer().body == b"x"
        assert raw.closed


@pytest.mark.slow
def test_a_body_that_cannot_be_read_to_its_end_is_cut_off(
    gateway: RunningGateway, s3: Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(40 * MIB))
    with gateway.connection() as raw:
        raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        raw.send(gateway.head("GET", f"/{bucket}/k"))
        assert b"200 OK" in raw.sock.recv(1000)  # and take no more for now
        time.sleep(0.3)
        for name in ("p0", "p1"):
            gateway.world.faults[name].shape = Shape.CORRUPT
        try:
            received = 0
            try:
                while piece := raw.sock.recv(MIB):
                    received += len(piece)
            except ConnectionResetError:
                pass  # as good an end
            assert received < 40 * MIB
        finally:
            gateway.heal()
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == bytes(40 * MIB)


@pytest.fixture
def own() -> Iterator[tuple[RunningGateway, Client]]:
    """A gateway of one's own, with a bucket `mine`, that may be stopped."""
    with RunningGateway() as running:
        client = running.client()
        client.create_bucket(Bucket="mine")
        yield running, client


def test_stopping_finishes_what_is_under_way(own: tuple[RunningGateway, Client]) -> None:
    gateway, _ = own
    size = 3 * MIB
    with gateway.connection() as raw, gateway.connection() as idle:
        idle.send(gateway.head("GET", "/mine"))
        assert idle.answer().status == 200
        raw.send(gateway.head("PUT", "/mine/k", body=bytes(size)) + bytes(1000))
        time.sleep(0.05)
        stopping = threading.Thread(target=lambda: gateway.run(gateway.server.stop(10)))
        stopping.start()
        assert idle.closed  # whoever waits for nothing is let go at once
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", gateway.port))
        raw.send(bytes(size - 1000))
        answer = raw.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert raw.closed
        stopping.join(5)
        assert not stopping.is_alive()
    version = gateway.run(gateway.world.store.head("mine", "k"))
    assert version.size == size


def test_stopping_does_not_wait_forever(own: tuple[RunningGateway, Client]) -> None:
    gateway, _ = own
    with gateway.connection() as raw:
        raw.send(gateway.head("PUT", "/mine/k", body=bytes(1000)))
        time.sleep(0.05)
        started = time.monotonic()
        gateway.run(gateway.server.stop(0.2))
        assert time.monotonic() - started < 2
        assert raw.closed


def test_a_port_that_is_taken_is_said(gateway: RunningGateway) -> None:
    other = GatewayServer(gateway.world.store, SystemClock(), SystemEntropy())
    with pytest.raises(OSError):
        gateway.run(other.start("127.0.0.1", gateway.port))


def test_a_client_that_stalls_is_given_up(
    gateway: RunningGateway, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outlast.gateway.s3.call.STALL_S_MAX", 0.1)
    with gateway.connection() as raw:
        raw.send(gateway.head("PUT", f"/{bucket}/k", body=bytes(10)) + b"12345")
        answer = raw.answer()
        assert (answer.status, answer.code) == (400, "RequestTimeout")


def test_each_request_is_one_line_in_the_log(
    gateway: RunningGateway, s3: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object) -> None:
        raise RuntimeError("a bug")

    with capture_logs() as lines:
        assert code_of(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
        with monkeypatch.context() as patch:
            patch.setattr(gateway.world.store, "head", broken)
            answer = gateway.exchange(gateway.head("HEAD", f"/{bucket}/k"))
            assert answer.status == 500 and b"a bug" not in answer.body
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert [(line["log_level"], line["code"]) for line in lines] == [
        ("info", "NoSuchKey"),
        ("error", "InternalError"),
        ("info", ""),
    ]
    refused, failed, put = lines
    assert refused["message"] and refused["status"] == 404
    assert failed["path"] == f"/{bucket}/k" and "a bug" in failed["cause"]
    assert isinstance(failed["exc_info"], RuntimeError)
    assert failed["request"] == answer.headers["x-amz-request-id"]
    assert (put["method"], put["operation"], put["status"]) == ("PUT", "PutObject", 200)
    assert put["received"] >= 1 and put["sent"] == 0 and put["seconds"] > 0
    assert len({line["request"] for line in lines}) == 3


def test_a_line_in_the_log_has_no_signature(gateway: RunningGateway, bucket: str) -> None:
    url = gateway.client(signature_version="s3v4").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "none"}
    )
    path = url.partition(str(gateway.port))[2]
    with capture_logs() as lines:
        answer = gateway.exchange(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
    assert answer.code == "NoSuchKey"
    assert [line["path"] for line in lines] == [f"/{bucket}/none"]
    assert "Signature" not in str(lines) and gateway.key.id not in str(lines)


def wait_until_told(lines: Sequence[object]) -> None:
    """The client may know sooner than the log that it is cut off."""
    deadline = time.monotonic() + 20
    while not lines:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_answer_that_is_cut_off_is_one_line_and_told_as_an_error(
    gateway: RunningGateway, s3: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(9 * MIB))

    async def nothing(*arguments: object) -> None:
        raise RuntimeError("broken on the way")

    with capture_logs() as lines, monkeypatch.context() as patch:
        patch.setattr("outlast.gateway.s3.get_object._send", nothing)
        with gateway.connection() as raw:
            raw.send(gateway.head("GET", f"/{bucket}/k"))
            while raw.sock.recv(MIB):
                pass
        wait_until_told(lines)
    assert [(line["log_level"], line["code"], line["status"]) for line in lines] == [("error", "BodyCut", 0)]
    assert "broken on the way" in lines[0]["cause"]
