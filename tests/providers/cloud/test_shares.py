"""What is done about servers that move late, move nothing, or ask to be left alone."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import pytest

from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.base.errors import Cause, ConfigError, NotFound, Unavailable
from outlast.providers.longtail.address import read_share
from outlast.providers.longtail.opening import open_share
from outlast.providers.longtail.provider import LongTailProvider

NOT_DONE = (404, b"")


class FakeShare:
    """A WebDAV server over a dictionary. `files` by path; the first move waits for `moving`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.moving = asyncio.Event()
        self.moving.set()
        self.moves_arrived = 0
        self.moves_done = 0
        self._changed = asyncio.Condition()
        self.pretends = False
        """Answers a move and does not do it."""
        self.headers = b""
        self.status: int | None = None

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            body = await reader.readexactly(int(length[1])) if length else b""
            method, path, _ = head.decode().split(" ", 2)
            status, content = await self.do(method, path, head.decode(), body)
            top = f"HTTP/1.1 {status} So\r\nContent-Length: {len(content)}\r\nConnection: close\r\n"
            writer.write(top.encode() + self.headers + b"\r\n" + content)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    async def do(self, method: str, path: str, head: str, body: bytes) -> tuple[int, bytes]:
        if self.status is not None:
            return self.status, b""
        if method == "PUT":
            self.files[path] = body
            return 201, b""
        if method == "MOVE":
            return await self.move(path, head)
        if method == "DELETE":
            return (204, b"") if self.files.pop(path, None) is not None else NOT_DONE
        if method == "GET":
            return (200, self.files[path]) if path in self.files else NOT_DONE
        if method == "PROPFIND":
            return self.describe(path)
        return 201, b""

    async def move(self, path: str, head: str) -> tuple[int, bytes]:
        to = re.search(r"(?i)^destination: (\S+)", head, re.MULTILINE)
        assert to is not None
        async with self._changed:
            self.moves_arrived += 1
            first = self.moves_arrived == 1
            self._changed.notify_all()
        if first:
            await self.moving.wait()
        async with self._changed:
            self.moves_done += 1
            self._changed.notify_all()
            if self.pretends:
                return 200, b"a page"
            if path not in self.files:
                return NOT_DONE
            self.files[urlsplit(to[1]).path] = self.files.pop(path)
            return 201, b""

    async def wait_moves(self, arrived: int = 0, done: int = 0) -> None:
        """Until so many have arrived, and so many are done."""
        async with self._changed, asyncio.timeout(10):
            await self._changed.wait_for(lambda: self.moves_arrived >= arrived and self.moves_done >= done)

    def describe(self, path: str) -> tuple[int, bytes]:
        folder = path.endswith("/")
        if not folder and path not in self.files:
            return NOT_DONE
        kind = "<d:collection/>" if folder else ""
        return 207, (
            f'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:"><d:response><d:href>{path}</d:href>'
            f"<d:propstat><d:prop><d:resourcetype>{kind}</d:resourcetype>"
            "<d:getlastmodified>Wed, 21 Oct 2015 07:28:00 GMT</d:getlastmodified>"
            f"<d:getcontentlength>{len(self.files.get(path, b''))}</d:getcontentlength></d:prop>"
            "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
        ).encode()


def opened(url: str, deadline_s: float = 5.0) -> LongTailProvider:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    share = read_share("there", parts, options)
    return open_share("there", share, options, SystemClock(), SeededEntropy(1), deadline_s)


@asynccontextmanager
async def served(share: FakeShare, deadline_s: float = 5.0) -> AsyncIterator[LongTailProvider]:
    listening = await asyncio.start_server(share.answer, "127.0.0.1", 0)
    provider = opened(f"webdav+http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/", deadline_s)
    try:
        yield provider
    finally:
        await provider.close()
        listening.close()


async def test_what_is_put_can_be_read() -> None:
    async with served(share := FakeShare()) as provider:
        await provider.put("a", b"\xffcontent")
        assert await provider.get("a") == b"\xffcontent"
        assert share.files == {"/a": b"\xffcontent"}


async def give_up_a_move(share: FakeShare, provider: LongTailProvider) -> None:
    """A put whose move reaches the server, and is not done before the deadline."""
    share.moving.clear()
    with pytest.raises(Unavailable):
        await provider.put("a", b"\xffold")
    assert share.moves_arrived == 1


@pytest.mark.parametrize("forgets", [True, False])
async def test_a_move_that_is_done_late_does_not_land_on_a_newer_object(
    forgets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = FakeShare()
    async with served(share, deadline_s=0.3) as provider:
        if not forgets:  # the server hangs for longer than anybody tries to delete the draft

            async def nothing(draft: str) -> None:
                pass

            monkeypatch.setattr(provider, "_forget", nothing)
        await give_up_a_move(share, provider)
        await provider.put("a", b"\xffnew")
        share.moving.set()
        await share.wait_moves(done=2)
        assert await provider.get("a") == b"\xffnew"


async def test_a_move_that_is_done_late_does_not_bring_back_what_was_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    share = FakeShare()
    async with served(share, deadline_s=0.3) as provider:

        async def nothing(draft: str) -> None:
            pass

        monkeypatch.setattr(provider, "_forget", nothing)
        await give_up_a_move(share, provider)
        await provider.delete("a")
        share.moving.set()
        await share.wait_moves(done=1)
        with pytest.raises(NotFound):
            await provider.get("a")
        assert share.files == {}


async def test_a_move_that_is_answered_and_not_done_is_no_write() -> None:
    share = FakeShare()
    async with served(share) as provider:
        await provider.put("a", b"\xffold")
        share.pretends = True
        with pytest.raises(Unavailable):
            await provider.put("a", b"\xffnew")


@pytest.mark.parametrize(("said", "seconds"), [(b"7", 7.0), (b"Wed, 21 Oct 2015 07:28:00 GMT", None)])
async def test_for_how_long_a_server_wants_to_be_left_alone_is_heard(
    said: bytes, seconds: float | None
) -> None:
    share = FakeShare()
    share.status, share.headers = 503, b"Retry-After: " + said + b"\r\n"
    async with served(share) as provider:
        for call in (provider.put("a", b"x"), provider.get("a"), provider.delete("a")):
            with pytest.raises(Unavailable) as raised:
                await call
            assert raised.value.cause is Cause.THROTTLED
            assert raised.value.retry_after_s == seconds


def test_a_share_is_not_reached_through_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """opendal would use it, and cannot be told otherwise."""
    for variable in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    opened("webdav://files.example/a")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    with pytest.raises(ConfigError, match="HTTPS_PROXY"):
        opened("webdav://files.example/a")
    opened("webdav+http://files.example/a")
    monkeypatch.setenv("NO_PROXY", "files.example")
    opened("webdav://files.example/a")
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    opened("webdav://files.example/a")
    with pytest.raises(ConfigError, match="ALL_PROXY"):
        opened("webdav+http://others.example/a")
