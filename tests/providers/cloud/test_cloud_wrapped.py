"""A provider as a store opens it, against sockets: what reaches the server, and how often."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import boto3
import pytest

from outlast.base.clock import SystemClock
from outlast.base.errors import Cause, Denied, Exists, Unavailable
from outlast.providers.cloud.provider import CloudProvider
from outlast.providers.protocol import Provider
from outlast.providers.registry import open_provider
from outlast.providers.wrap.layers import innermost, meter_of
from outlast.testing.gcs_server import GcsServer
from outlast.testing.servers import Server

ok = 'ETag: "new"\r\n'


class Scripted:
    """Answers with these statuses in turn (the last again and again), and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            await reader.readexactly(int(length[1]) if length else 0)
            self.asked.append(head.split()[0].decode())
            status, body = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
            top = f"HTTP/1.1 {status} So\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
            top += f"Last-Modified: Tue, 24 Nov 2026 10:00:00 GMT\r\n{ok}\r\n"
            writer.write(top.encode() + body)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()


@asynccontextmanager
async def amazon(script: Scripted, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    monkeypatch.setenv("OUTLAST_TEST_KEY", "key")
    listening = await asyncio.start_server(script.answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    keys = "access_key_id_env=OUTLAST_TEST_KEY&secret_access_key_env=OUTLAST_TEST_KEY"
    provider = open_provider("there", f"s3://bucket?endpoint=http://127.0.0.1:{port}&{keys}", SystemClock())
    try:
        yield provider
    finally:
        await provider.close()
        listening.close()


conflict = (409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
lost = (412, b"<Error><Code>PreconditionFailed</Code></Error>")


async def test_a_409_to_a_conditional_write_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted(conflict, (200, b""), conflict, lost)
    async with amazon(script, monkeypatch) as provider:
        await provider.create("a", b"x")
        with pytest.raises(Exists):
            await provider.create("b", b"x")
    assert script.asked == ["PUT"] * 4, "after a 409 nobody needs to read back: it was not done"


async def test_a_create_that_was_answered_by_an_error_and_had_happened_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Scripted((500, b""), lost, (200, b"my nonce"))
    async with amazon(script, monkeypatch) as provider:
        await provider.create("a", b"my nonce")
    assert script.asked == ["PUT", "PUT", "GET"]


async def test_a_create_that_was_answered_by_an_error_and_had_not_happened_loses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Scripted((500, b""), lost, (200, b"another's"))
    async with amazon(script, monkeypatch) as provider:
        with pytest.raises(Exists):
            await provider.create("a", b"my nonce")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_rejected_credential_is_shown_once(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted((status, b""))
    async with amazon(script, monkeypatch) as provider:
        for call in (provider.put("a", b"x"), provider.create("a", b"x"), provider.get("a")):
            with pytest.raises(Denied):
                await call
    assert len(script.asked) == 3


async def test_a_server_that_throttles_is_asked_again_and_more_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Scripted((503, b""), (200, b""))
    async with amazon(script, monkeypatch) as provider:
        await provider.put("a", b"x")
        meter = meter_of(provider)
    assert script.asked == ["PUT", "PUT"]
    assert meter is not None
    assert meter.usage["put"].requests == 2
    assert dict(meter.usage["put"].failures) == {Cause.THROTTLED: 1}


async def test_a_listing_is_one_request_a_page_and_a_write_is_one_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The meter counts what the server sees."""
    monkeypatch.setenv(
        "OUTLAST_TEST_GOOGLE_KEY",
        '{"disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}',
    )
    async with GcsServer(["bucket"], SystemClock(), name_interval_s=0) as server:
        url = f"gs://bucket/a?endpoint={server.url}&service_account_key_env=OUTLAST_TEST_GOOGLE_KEY"
        provider = open_provider("there", f"{url}&name_interval_s=0", SystemClock())
        await asyncio.gather(*(provider.put(f"x/{number:04d}", b"") for number in range(1001)))
        await provider.create("big", bytes(12_000_000))
        await provider.put("big", b"small")
        await provider.get("big")
        await provider.get("big", (1, 2))
        await provider.head("big")
        await provider.delete("big")
        assert len([entry async for entry in provider.list("x/")]) == 1001
        meter = meter_of(provider)
        assert meter is not None
        assert server.requests == sum(usage.requests for usage in meter.usage.values()) == 1001 + 6 + 2
        await provider.close()


async def test_names_written_too_often_wait_instead_of_being_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "OUTLAST_TEST_GOOGLE_KEY",
        '{"disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}',
    )
    async with GcsServer(["bucket"], SystemClock(), name_interval_s=0.1) as server:
        url = f"gs://bucket/a?endpoint={server.url}&service_account_key_env=OUTLAST_TEST_GOOGLE_KEY"
        provider = open_provider("there", f"{url}&name_interval_s=0.11", SystemClock())
        await provider.create("a", b"0")
        for number in range(3):
            await provider.put("a", b"%d" % number)
        assert server.throttled == 0
        await provider.close()


@pytest.mark.slow
@pytest.mark.xdist_group("moto")
async def test_a_bucket_that_keeps_versions_is_noticed(
    moto_server: Server, moto_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = open_provider("there", moto_url, SystemClock())
    inner = innermost(provider)
    assert isinstance(inner, CloudProvider)
    await provider.put("a", b"x")
    assert not inner.versioned
    client = boto3.client(
        "s3",
        endpoint_url=moto_server.url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    client.create_bucket(Bucket="versioned")
    client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    other = open_provider("other", moto_url.replace("//bucket/", "//versioned/"), SystemClock())
    kept = innermost(other)
    assert isinstance(kept, CloudProvider)
    await other.put("a", b"x")
    assert kept.versioned


async def test_a_black_hole_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with amazon(Scripted((500, b"")), monkeypatch) as provider:
        inner = innermost(provider)
        assert isinstance(inner, CloudProvider)
        inner._deadline_s = 0.0
        with pytest.raises(Unavailable) as raised:
            await provider.create("a", b"x")
        assert raised.value.cause is Cause.TIMEOUT
        meter = meter_of(provider)
        assert meter is not None
        assert meter.usage["create"].requests == 1
