"""A gateway in a thread, boto3 clients for it, and raw connections for what no client would send."""

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.gateway.server import GatewayServer
from outlast.store import AccessKey
from outlast.testing.memory_store import World

Client: TypeAlias = Any
"""boto3's client; its types are generated and differ with the installed stubs."""
T = TypeVar("T")

MIB = 1 << 20


class _Signer(S3SigV4Auth):
    """Says of the payload whatever it is told to say."""

    def __init__(self, key: AccessKey, sha256: str) -> None:
        super().__init__(Credentials(key.id, key.secret), "s3", "us-east-1")
        self._sha256 = sha256

    def payload(self, request: AWSRequest) -> str:
        return self._sha256


class RunningGateway:
    """`with RunningGateway() as gateway:`. `world` has the store's parts, to be touched through `run`."""

    def __init__(self) -> None:
        self.world = World()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._names = itertools.count(1)
        self.key: AccessKey
        self.port = 0

    def __enter__(self) -> "RunningGateway":
        self._thread.start()
        self.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _start(self) -> None:
        await self.world.create()
        await self.world.gateway()
        self.server = GatewayServer(
            self.world.store, SystemClock(), SystemEntropy(), domains=["s3.example.com", "example.com"]
        )
        self.port = await self.server.start("127.0.0.1", 0)
        self.key = await self.world.store.create_access_key("tests")

    async def _stop(self) -> None:
        await self.server.stop(1.0)
        await self.world.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def new_name(self) -> str:
        """A bucket name that nobody has."""
        return f"bucket-{next(self._names)}"

    def heal(self) -> None:
        """End all faults, and wait until every provider has been found to be back."""
        for fault in self.world.faults.values():
            fault.shape = None
        guards = self.world.guards.values()
        deadline = time.monotonic() + 30
        while not all(guard.health.available for guard in guards):
            assert time.monotonic() < deadline, "a provider does not come back"
            time.sleep(0.02)

    def client(self, key: AccessKey | None = None, region: str = "us-east-1", **options: object) -> Client:
        """A boto3 client, without retries, so that a test sees every answer."""
        key = key or self.key
        addressing = options.pop("addressing_style", "path")
        return boto3.client(
            "s3",
            endpoint_url=f"http://{options.pop('host', '127.0.0.1')}:{self.port}",
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            region_name=region,
            config=Config(
                retries={"total_max_attempts": 1},
                s3={"addressing_style": addressing},
                connect_timeout=5,
                read_timeout=30,
                **options,
            ),
        )

    # ------------------------------------------------------------ below HTTP clients

    def head(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        key: AccessKey | None = None,
        sha256: str = "UNSIGNED-PAYLOAD",
        sent: Mapping[str, str] | None = None,
    ) -> bytes:
        """A request's head, signed by botocore. `path` is raw. `sent` replaces headers after signing."""
        key = key or self.key
        request = AWSRequest(method, f"http://127.0.0.1:{self.port}{path}", dict(headers or {}), body)
        _Signer(key, sha256).add_auth(request)
        fields = {"Host": f"127.0.0.1:{self.port}", "Content-Length": str(len(body))}
        fields.update(dict(request.headers.items()) | dict(sent or {}))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()

    @contextmanager
    def connection(self) -> Iterator["Raw"]:
        """A bare connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as sock:
            yield Raw(sock)

    def exchange(self, sent: bytes) -> "Answer":
        """Send bytes, and no more, and read one answer."""
        with self.connection() as raw:
            raw.send(sent)
            return raw.answer()


class Answer:
    """A response as it came. `body` is short if the connection was closed within it."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self) -> str:
        """S3's error code."""
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


class Raw:
    """A socket that reads HTTP answers."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")

    def close(self) -> None:
        """Close the socket now; it stays open otherwise for as long as there is a `Raw`."""
        self._file.close()
        self.sock.close()

    def send(self, data: bytes) -> None:
        """All of it."""
        self.sock.sendall(data)

    def finish(self) -> None:
        """Send no more, but go on reading."""
        self.sock.shutdown(socket.SHUT_WR)

    def answer(self, method: str = "GET") -> Answer:
        """The next answer."""
        line = self._file.readline()
        if not line:
            raise EOFError("closed without an answer")
        headers: dict[str, str] = {}
        while (field := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode().partition(":")
            headers[name.lower()] = value.strip()
        length = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
        return Answer(int(line.split()[1]), headers, self._file.read(length))

    @property
    def closed(self) -> bool:
        """Whether the other side has closed. Waits until it has, or something comes."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True


def code_of(call: "Any", **arguments: object) -> tuple[str, int]:
    """The error code and status with which a call of boto3 fails."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("it succeeded")


def raw_path(bucket: str, key: str) -> str:
    """The path of a request, quoted as S3's clients do."""
    return f"/{bucket}/{quote(key, safe='/~')}"
