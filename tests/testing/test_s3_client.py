import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from outlast.testing.s3_client import NoAnswer, S3Client

Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@asynccontextmanager
async def gateway(answer: Answer, **options: float) -> AsyncIterator[S3Client]:
    """A client of a server that reads heads and leaves the rest to `answer`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await answer(await reader.readuntil(b"\r\n\r\n"), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with S3Client("127.0.0.1", port, ID, SECRET, **options) as client:
            yield client
    finally:
        server.close()


def fields(head: bytes) -> dict[str, str]:
    return {k.lower(): v for k, v in (line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2])}


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "body"),
    [
        ("GET", "/bucket/key", {}, {}, b""),
        (
            "PUT",
            "/bucket/a key/ü+~*'(x)",
            {},
            {"if-none-match": "*", "x-amz-meta-b": "1", "x-amz-acl": "private"},
            b"x",
        ),
        (
            "GET",
            "/bucket",
            {"list-type": "2", "prefix": "a/b c", "delimiter": "/", "start-after": "ü"},
            {},
            b"",
        ),
        ("POST", "/bucket/key", {"uploads": ""}, {}, b""),
    ],
)
async def test_it_signs_as_botocore_does(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    heads: list[bytes] = []

    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        await reader.readexactly(int(fields(head)["content-length"]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with gateway(answer) as client:
        assert (await client.request(method, path, query, headers, body)).status == 200

    got = fields(heads[0])
    target = heads[0].split(b" ")[1].decode()
    signed = got["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    request = AWSRequest(
        method, f"http://{got['host']}{target}", {n: got[n] for n in signed if n != "host"}, body
    )
    request.context["timestamp"] = got["x-amz-date"]
    assert got["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
    auth = S3SigV4Auth(Credentials(ID, SECRET), "s3", "us-east-1")
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert got["authorization"].endswith("Signature=" + expected)
    assert urlsplit(target).path.isascii()


async def test_connections_are_kept_and_bodies_arrive_whole() -> None:
    peers: set[object] = set()
    large = bytes(range(256)) * 20_000

    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.add(writer.get_extra_info("peername"))
        writer.write(b'HTTP/1.1 200 OK\r\nETag: "e1"\r\ncontent-length: %d\r\n\r\n' % len(large) + large)

    async with gateway(answer) as client:
        for _ in range(3):
            response = await client.get("bucket", "key")
            assert response.body == large
            assert response.etag == "e1"
        pieces = bytearray()
        response = await client.get("bucket", "key", sink=lambda piece: pieces.extend(piece))
        assert pieces == large
        assert response.body == b""
    assert len(peers) == 1


async def test_a_chunked_body_and_an_interim_answer_are_understood() -> None:
    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in (b"5;x=y\r\nhel", b"lo\r\n1", b"\r\n!\r\n0\r\n", b"\r\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async with gateway(answer) as client:
        for _ in range(2):
            assert (await client.list("bucket", max_keys="1")).body == b"hello!"


async def test_an_error_is_an_answer_and_never_goes_to_the_sink() -> None:
    body = b"<Error><Code>NoSuchKey</Code></Error>"

    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    async with gateway(answer) as client:
        response = await client.get("bucket", "key", sink=lambda piece: pytest.fail("an error is no content"))
        assert (response.status, response.code) == (404, "NoSuchKey")


async def test_head_has_a_length_and_no_body() -> None:
    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")

    async with gateway(answer) as client:
        for _ in range(2):
            assert (await client.head("bucket", "key")).header("content-length") == "5"


async def test_a_refusal_in_the_middle_of_a_body_ends_the_sending() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield bytes(1 << 20)
        pytest.fail("nobody wants ten thousand MiB")

    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        while await reader.read(1 << 20):
            pass

    async with gateway(answer) as client:
        assert (await client.put("bucket", "key", body(), length=10_000 << 20)).status == 403


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", b"nonsense\r\n\r\n"]
)
async def test_a_broken_answer_is_none(said: bytes) -> None:
    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        raise ConnectionError

    async with gateway(answer) as client:
        with pytest.raises(NoAnswer):
            await client.get("bucket", "key")


async def test_waiting_has_an_end_and_a_refused_connection_is_no_answer() -> None:
    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with gateway(answer, timeout_s=0.05) as client:
        with pytest.raises(NoAnswer, match=r"0\.05"):
            await client.get("bucket", "key")
    with pytest.raises(NoAnswer):
        await S3Client("127.0.0.1", 1, ID, SECRET).get("bucket", "key")


async def test_a_slow_reader_holds_the_sender_back() -> None:
    sent = 0

    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (64 << 20))
        for _ in range(64):
            writer.write(bytes(1 << 20))
            await writer.drain()
            sent += 1

    async with gateway(answer, timeout_s=0.2) as client:
        with pytest.raises(NoAnswer):
            await client.get("bucket", "key", sink=lambda piece: 10.0)
    assert sent < 32
