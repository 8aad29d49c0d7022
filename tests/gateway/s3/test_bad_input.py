"""What no honest client sends: S3's error, nothing stored, and the gateway goes on."""

import hashlib
import socket
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_gateway import MIB, Client, RunningGateway, code_of

from outlast.base.errors import Full
from outlast.providers.wrap.fault import Shape


@pytest.fixture(autouse=True)
def alive(gateway: RunningGateway, s3: Client, bucket: str) -> "object":
    """After each test: nothing was stored as `k`, and the gateway serves."""
    yield
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="k")
    s3.put_object(Bucket=bucket, Key="after", Body=b"alive")
    assert s3.get_object(Bucket=bucket, Key="after")["Body"].read() == b"alive"


def test_a_changed_signature(gateway: RunningGateway, bucket: str) -> None:
    head = gateway.head("PUT", f"/{bucket}/k", body=b"x")
    at = head.index(b"Signature=") + 12
    wrong = head[:at] + (b"0" if head[at : at + 1] != b"0" else b"1") + head[at + 1 :]
    answer = gateway.exchange(wrong + b"x")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_a_clock_that_is_wrong(gateway: RunningGateway, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (-20, 20):
        moved = datetime.now(UTC) + timedelta(minutes=minutes)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda moved=moved: moved)
        answer = gateway.exchange(gateway.head("PUT", f"/{bucket}/k", body=b"x") + b"x")
        assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


def test_a_body_other_than_the_one_signed(gateway: RunningGateway, bucket: str) -> None:
    for size in (10, 2 * MIB):
        body = bytes(size)
        head = gateway.head("PUT", f"/{bucket}/k", body=body, sha256=hashlib.sha256(b"other").hexdigest())
        answer = gateway.exchange(head + body)
        assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")


@pytest.mark.parametrize("size", [1000, 3 * MIB])
@pytest.mark.parametrize("finish", [True, False])
def test_a_body_that_breaks_off(gateway: RunningGateway, bucket: str, size: int, finish: bool) -> None:
    head = gateway.head("PUT", f"/{bucket}/k", body=bytes(size))
    with gateway.connection() as raw:
        raw.send(head + bytes(size - 1))
        if finish:  # it sends no more, but would read an answer
            raw.finish()
            answer = raw.answer()
            assert (answer.status, answer.code) == (400, "IncompleteBody")
            assert raw.closed


@pytest.mark.parametrize("together", [True, False])
def test_a_body_longer_than_announced_is_not_the_next_request(
    gateway: RunningGateway, s3: Client, bucket: str, together: bool
) -> None:
    head = gateway.head("PUT", f"/{bucket}/longer", body=b"12345")
    with gateway.connection() as raw:
        if together:  # so it does not get that far
            raw.send(head + b"1234567890")
        else:
            raw.send(head + b"12345")
            assert raw.answer().status == 200
            assert s3.get_object(Bucket=bucket, Key="longer")["Body"].read() == b"12345"
            raw.send(b"67890")
        assert raw.answer().status == 400
        assert raw.closed


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "99999999999999999999999999", "5, 5"])
def test_a_length_that_is_none(gateway: RunningGateway, bucket: str, length: str) -> None:
    answer = gateway.exchange(gateway.head("PUT", f"/{bucket}/k", sent={"Content-Length": length}))
    assert answer.status == 400


def test_a_length_beyond_every_limit(gateway: RunningGateway, bucket: str) -> None:
    head = gateway.head("PUT", f"/{bucket}/k", sent={"Content-Length": str(5 * (1 << 30) + 1)})
    answer = gateway.exchange(head)
    assert (answer.status, answer.code) == (400, "EntityTooLarge")


def test_no_length_at_all(gateway: RunningGateway, bucket: str) -> None:
    head = gateway.head("PUT", f"/{bucket}/k", sent={"Content-Length": "", "Transfer-Encoding": "chunked"})
    answer = gateway.exchange(head + b"1\r\nx\r\n0\r\n\r\n")
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def test_http_chunks_with_broken_framing_fail_at_once(gateway: RunningGateway, bucket: str) -> None:
    said = {"X-Amz-Decoded-Content-Length": str(MIB), "Content-Encoding": "aws-chunked"}
    head = gateway.head("PUT", f"/{bucket}/k", said, sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    head = head.replace(b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n")
    started = time.monotonic()
    with gateway.connection() as raw:
        raw.send(head + b"5\r\n10000")
        time.sleep(0.05)  # so that the body is being read
        raw.send(b"\r\nZZZ no number\r\n")
        assert raw.answer().status == 400
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<Delete>",
        b"<Other/>",
        b"<Delete><Object><Key/></Object></Delete>",
        b'<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>',
        b"<Delete>" + b"<Object><Key>k</Key></Object>" * 1001 + b"</Delete>",
        b"\xff\xfe",
        b"<a>" * 100_000,
    ],
)
def test_malformed_xml(gateway: RunningGateway, bucket: str, body: bytes) -> None:
    md5 = {"Content-MD5": b64encode(hashlib.md5(body).digest()).decode()}
    answer = gateway.exchange(gateway.head("POST", f"/{bucket}?delete", md5, body) + body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_xml_without_end(gateway: RunningGateway, bucket: str) -> None:
    md5 = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    head = gateway.head("POST", f"/{bucket}?delete", md5, sent={"Content-Length": str(64 * MIB)})
    answer = gateway.exchange(head)
    assert (answer.status, answer.code) == (400, "MaxMessageLengthExceeded")


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"GET /%s/k HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 20_000, "RequestHeaderSectionTooLarge"),
        (b"GET /%s/" + b"k" * 20_000 + b" HTTP/1.1\r\nHost: x", "RequestHeaderSectionTooLarge"),
        (b"GET /%s/k HTTP/1.1\r\n" + b"X-Long: %s\r\n" % (b"x" * 7000) * 8, "RequestHeaderSectionTooLarge"),
        (b"GET /%s/k HTTP/1.1\r\n" + b"X-A: b\r\n" * 300 + b"Host: x", "BadRequest"),
        (b"GET /%s/k HTTP/1.1", "BadRequest"),
        (b"GET /%s/k HTTP/1.1\r\nHost: x\r\nHost: y", "BadRequest"),
        (b"GET /%s/k HTTP/1.1\r\nHost: x\r\nno colon", "BadRequest"),
        (b"GET /%s/k HTTP/1.1\r\nHost: x\r\nX: a\x00b", "BadRequest"),
        (b"GET /%s/k k HTTP/1.1\r\nHost: x", "BadRequest"),
        (b"GET /%s/k HTTP/9.9\r\nHost: x", "BadRequest"),
        (b"NONSENSE", "BadRequest"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "BadRequest"),
        (b"PUT /%s/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2", "BadRequest"),
        (b"PUT /%s/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", "BadRequest"),
    ],
)
def test_what_is_no_http_is_answered_in_xml(
    gateway: RunningGateway, bucket: str, head: bytes, code: str
) -> None:
    with gateway.connection() as raw:
        raw.send(head.replace(b"%s", bucket.encode()) + b"\r\n\r\n")
        answer = raw.answer()
        assert (answer.status, answer.code) == (400, code)
        assert answer.headers["content-type"] == "application/xml"
        assert raw.closed


def test_an_oversize_header_in_an_s3_request(gateway: RunningGateway, bucket: str) -> None:
    answer = gateway.exchange(gateway.head("GET", f"/{bucket}/k", {"X-Amz-Meta-A": "x" * 9000}))
    assert (answer.status, answer.code) == (400, "RequestHeaderSectionTooLarge")


def test_headers_of_an_s3_request_have_8_kb_in_all(gateway: RunningGateway, bucket: str) -> None:
    for size, code in ((1200, "NoSuchKey"), (1400, "RequestHeaderSectionTooLarge")):
        headers = {f"X-Other-{number}": "x" * size for number in range(6)}
        answer = gateway.exchange(gateway.head("GET", f"/{bucket}/k", headers))
        assert answer.code == code


@pytest.mark.parametrize("path", ["/%s/%%FF%%FE", "/%s/k?prefix=%%FF", "/%%80"])
def test_a_path_that_is_no_utf8(gateway: RunningGateway, bucket: str, path: str) -> None:
    path = path.replace("%s", bucket).replace("%%", "%")
    answer = gateway.exchange(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (answer.status, answer.code) == (400, "InvalidURI")


def test_a_client_that_goes_away_while_it_reads(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="big", Body=bytes(12 * MIB))
    for _ in range(3):
        with gateway.connection() as raw:
            raw.send(gateway.head("GET", f"/{bucket}/big"))
            raw.sock.recv(1000)
            raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
    assert s3.get_object(Bucket=bucket, Key="big")["ContentLength"] == 12 * MIB


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=300))
def test_noise(gateway: RunningGateway, bucket: str, noise: bytes) -> None:
    with gateway.connection() as raw:
        raw.send(noise)
        raw.finish()
        try:
            assert raw.answer().status >= 400
        except (EOFError, ConnectionError):
            pass  # closed without a word, which is fine for what is no request


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_requests_with_a_byte_changed(gateway: RunningGateway, bucket: str, data: st.DataObject) -> None:
    """Either the very request is refused, or what was changed means nothing; never is `k` stored."""
    head = gateway.head("PUT", f"/{bucket}/k", {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, b"x")
    at = data.draw(st.integers(0, len(head) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    with gateway.connection() as raw:
        raw.send(head[:at] + byte + head[at + 1 :] + b"x")
        raw.finish()
        try:
            assert raw.answer().status >= 400
        except (EOFError, ConnectionError):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 2 * MIB])
def test_full_disks(
    gateway: RunningGateway, s3: Client, bucket: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: object, *arguments: object, **options: object) -> None:
        raise Full("p", "create", "no space")

    provider = type(gateway.world.memories["p0"])
    with monkeypatch.context() as patch:
        for verb in ("put", "create"):
            patch.setattr(provider, verb, full)
        assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=bytes(size)) == ("ServiceUnavailable", 503)
    gateway.heal()


@pytest.mark.slow
def test_a_store_without_its_providers(gateway: RunningGateway, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="big", Body=bytes(2 * MIB))
    faults = gateway.world.faults
    for name in ("p0", "p1"):
        faults[name].shape = Shape.REFUSE
    try:
        for call, more in [
            (s3.get_object, {"Key": "big"}),
            (s3.put_object, {"Key": "k", "Body": b"x"}),
            (s3.put_object, {"Key": "k", "Body": bytes(2 * MIB)}),
            (s3.list_objects_v2, {}),
            (s3.delete_object, {"Key": "big"}),
        ]:
            assert code_of(call, Bucket=bucket, **more) == ("ServiceUnavailable", 503)
    finally:
        for name in ("p0", "p1"):
            faults[name].shape = None
        gateway.heal()
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == bytes(2 * MIB)
