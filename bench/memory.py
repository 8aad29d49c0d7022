"""Peak memory (RSS) of a gateway under crowds of clients that wait, stall, or send too much.

Each crowd meets a gateway process of its own. "Value" is the most memory that it had, beyond what it has when
it is ready; the limit is what the documentation promises. A friendly client asks for something all the while;
the note has its slowest answer and its last one, and how many of the crowd were answered with what.
"""

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from urllib.parse import quote

from bench.measurement import Measurement
from bench.stage import BUCKET, PROVIDERS, Stage
from outlast.base.clock import SystemClock
from outlast.base.concurrency import cancel_and_wait
from outlast.testing.installation import GatewayProcess
from outlast.testing.s3_client import UNSIGNED, NoAnswer, S3Client, Signer

MIB = 1 << 20
CROWD = 1000
PROMISED_BYTES = 512 * MIB
LARGE = 64 * MIB
HOLD_S = 20.0
PARTS = 10_000
rest_s = 0.25


class Rough:
    """One client of a crowd: a socket with a small receive buffer, and a request sent by hand."""

    def __init__(self, gateway: GatewayProcess, secrets: tuple[str, str]) -> None:
        host = f"{gateway.host}:{gateway.port}"
        self._address = gateway.host, gateway.port
        self._signer = Signer(*secrets, "us-east-1", host, SystemClock())
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        self._socket.bind(("127.0.0.2", 0))  # another address than the friend's
        self._loop = asyncio.get_running_loop()

    async def connect(self) -> None:
        await self._loop.sock_connect(self._socket, self._address)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        length: int = 0,
        body: bytes = b"",
    ) -> None:
        """Send a request's head that announces `length` bytes, and `body`."""
        fields = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted((query or {}).items()))
        head = self._signer.head(method, path, fields, {}, UNSIGNED, length)
        await self.send(head + body)

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)

    async def status(self) -> str:
        """The status of the answer; "none" if there is none."""
        try:
            return (await self._loop.sock_recv(self._socket, 1000)).split(b" ", 2)[1].decode()
        except (OSError, IndexError):
            return "none"

    def close(self) -> None:
        self._socket.close()


Act = Callable[[Rough, int], Awaitable[None]]


async def measure(stage: Stage) -> list[Measurement]:
    """All crowds, one after another."""
    key = stage.installation.run("key", "create", "crowd")
    secrets = (key["access_key_id"], key["secret_access_key"])
    client = stage.client
    for name, size in (("large", LARGE), ("window", 4 * MIB), ("inline", 128 << 10)):
        assert (await client.put(BUCKET, name, os.urandom(size))).status == 200
    for number in range(1000):
        await client.put(BUCKET, f"keys/{number:04}-{'k' * 900}", b"x")
    upload = (await client.request("POST", f"/{BUCKET}/m", {"uploads": ""})).body
    upload_id = bytes(upload).partition(b"<UploadId>")[2].partition(b"<")[0].decode()
    crowds: dict[str, Act] = {
        "1,500 PUTs of 128 KiB, no majority": put_whole,
        "GETs of 64 MiB, nothing is taken": getting("large"),
        "GETs of 4 MiB, nothing is taken": getting("window"),
        "GETs of 128 KiB, nothing is taken": getting("inline"),
        "LISTs of 1,000 long keys, nothing is taken": list_keys,
        "PUTs that stop after 2 MiB": put_and_stop,
        "PUTs of 64 MiB, as fast as they are taken": put_on,
        "heads of 1.5 MiB": send_endless_head,
        "CompleteMultipartUpload of 10,000 parts": completing(upload_id),
    }
    return [await crowd(stage, secrets, name, act) for name, act in crowds.items()]


class Friend:
    """A client that reads a large object again and again, as fast as it comes."""

    def __init__(self, client: S3Client) -> None:
        self._client = client
        self.seconds: list[float] = []
        self.failures: Counter[str] = Counter()

    async def go_on(self) -> None:
        while True:
            begun = time.perf_counter()
            try:
                response = await self._client.get(BUCKET, "large", sink=lambda piece: None)
                if response.status != 200:
                    self.failures[response.code] += 1
            except NoAnswer:
                self.failures["no answer"] += 1
            self.seconds.append(time.perf_counter() - begun)
            await asyncio.sleep(rest_s)


async def crowd(stage: Stage, secrets: tuple[str, str], name: str, act: Act) -> Measurement:
    """Let a crowd loose on a gateway of its own."""
    answers: Counter[str] = Counter()
    gateway = await asyncio.to_thread(stage.installation.serve, "crowd")
    async with AsyncExitStack() as stack:
        stack.callback(gateway.stop)
        client = await stack.enter_async_context(S3Client(gateway.host, gateway.port, *secrets, timeout_s=60))
        friend = Friend(client)
        assert (await client.get(BUCKET, "inline")).status == 200
        ready = gateway.rss_bytes_max()
        if act is put_whole:
            drill = ("drill", *PROVIDERS[:2], "--shape", "hang", "--seconds", "25", "--detach", "--force")
            await asyncio.to_thread(stage.installation.run, *drill)
            await asyncio.sleep(1.5)
        watching = asyncio.ensure_future(friend.go_on())
        rough = [Rough(gateway, secrets) for _ in range(1500 if act is put_whole else CROWD)]
        answers.update(await asyncio.gather(*[one(act, each, number) for number, each in enumerate(rough)]))
        grown = gateway.rss_bytes_max() - ready
        await cancel_and_wait([watching])
        for each in rough:
            each.close()
    note = (
        f"friend: {len(friend.seconds)} GETs, slowest {max(friend.seconds, default=0):.2f} s, last"
        f" {(friend.seconds or [0.0])[-1]:.2f} s, failed {dict(friend.failures)}; crowd: {dict(answers)}"
    )
    value, limit = grown / MIB, (PROMISED_BYTES - ready) / MIB
    return Measurement(
        name, round(value, 1), "MiB", round(limit, 1), round(limit / value, 2), "promised", note
    )


async def one(act: Act, client: Rough, number: int) -> str:
    """Play one of the crowd for `HOLD_S`; what came of it."""
    outcome = "waits"
    try:
        async with asyncio.timeout(HOLD_S):
            await client.connect()
            await act(client, number)
            outcome = "has sent all"
            if act.__name__ in ("put_whole", "complete"):
                outcome = await client.status()
            await asyncio.sleep(HOLD_S)
    except TimeoutError:
        return outcome
    except OSError:
        return "cut off"
    return outcome


async def put_whole(client: Rough, number: int) -> None:
    await client.request("PUT", f"/{BUCKET}/w/{number}", length=128 << 10, body=bytes(128 << 10))


async def put_and_stop(client: Rough, number: int) -> None:
    await client.request("PUT", f"/{BUCKET}/s/{number}", length=LARGE, body=bytes(2 * MIB))


async def put_on(client: Rough, number: int) -> None:
    await client.request("PUT", f"/{BUCKET}/p/{number}", length=LARGE)
    piece = bytes(MIB)
    for _ in range(LARGE // MIB):
        await client.send(piece)


async def list_keys(client: Rough, number: int) -> None:
    await client.request("GET", f"/{BUCKET}", {"list-type": "2", "prefix": "keys/"})


async def send_endless_head(client: Rough, number: int) -> None:
    await client.send(b"GET / HTTP/1.1\r\n")
    for line in range(190):
        await client.send(b"x-filler-%d: %s\r\n" % (line, b"x" * 8000))


def getting(name: str) -> Act:
    """A GET of the object, of which nothing is taken."""

    async def get(client: Rough, number: int) -> None:
        await client.request("GET", f"/{BUCKET}/{name}")

    return get


def completing(upload_id: str) -> Act:
    """A completion that names parts which are not there."""
    parts = "".join(
        f'<Part><PartNumber>{number}</PartNumber><ETag>"{"0" * 32}"</ETag>'
        f"<ChecksumSHA256>{'A' * 43}=</ChecksumSHA256></Part>"
        for number in range(1, PARTS + 1)
    )
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()

    async def complete(client: Rough, number: int) -> None:
        query = {"uploadId": upload_id}
        await client.request("POST", f"/{BUCKET}/m", query, length=len(body), body=body)

    return complete
