"""A small fast S3 client for load and for tests: little more than a socket and a signature.

    async with S3Client("127.0.0.1", 9000, id, secret) as client:
        response = await client.put("bucket", "key", b"...")
        assert response.status == 200 and response.etag

Why another one: a benchmark measures the gateway only when its client costs next to nothing, and a survival
test needs to see every single answer. So this one signs only what Signature Version 4 requires, keeps
connections alive, reads bodies straight into their buffer, and never retries, redirects, or hides a
status: it returns exactly what it received. A request without an answer raises `NoAnswer`; a write may have
happened then.

It is not for applications; those use boto3.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterable, Iterable, Mapping
from types import TracebackType
from typing import Literal, Self, TypeAlias
from urllib.parse import quote

from outlast.base.clock import Clock, SystemClock
from outlast.testing.http_connection import HttpConnection, NoAnswer, Response, Sink

__all__ = ["NoAnswer", "Response", "S3Client", "Sink"]

Payload: TypeAlias = Literal["signed", "unsigned"]
"""`signed`: the body's SHA-256 is part of the signature. `unsigned`: it is not, as SDKs do over TLS."""
Body: TypeAlias = bytes | bytearray | memoryview | AsyncIterable[bytes]

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"


class Signer:
    """Signature Version 4 in the header, for one access key, region, and host."""

    def __init__(self, access_key_id: str, secret: str, region: str, host: str, clock: Clock) -> None:
        self._credential = f"AWS4-HMAC-SHA256 Credential={access_key_id}"
        self._secret = secret
        self._region = region
        self._host = host
        self._clock = clock
        self._day = ""
        self._day_key = b""
        self._second = -1
        self._stamp = ""

    def head(
        self, method: str, path: str, query: str, extra: Mapping[str, str], payload_hash: str, length: int
    ) -> bytes:
        """Return the request's head, signed. `path` and `query` are in canonical form already."""
        stamp = self._now()
        signed = {"host": self._host, "x-amz-content-sha256": payload_hash, "x-amz-date": stamp}
        plain = ""
        for name, value in extra.items():
            if name.startswith("x-amz-"):
                signed[name] = value
            else:
                plain += f"{name}: {value}\r\n"
        names = sorted(signed)
        listed = ";".join(names)
        canonical = "".join([f"{name}:{signed[name]}\n" for name in names])
        request = f"{method}\n{path}\n{query}\n{canonical}\n{listed}\n{payload_hash}"
        scope = f"{self._day}/{self._region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._day_key, text.encode(), "sha256").hex()
        headers = "".join([f"{name}: {value}\r\n" for name, value in signed.items()])
        target = f"{path}?{query}" if query else path
        return (
            f"{method} {target} HTTP/1.1\r\n{headers}{plain}content-length: {length}\r\n"
            f"authorization: {self._credential}/{scope}, SignedHeaders={listed}, "
            f"Signature={signature}\r\n\r\n"
        ).encode()

    def _now(self) -> str:
        second = int(self._clock.now())
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            if self._stamp[:8] != self._day:
                self._day = self._stamp[:8]
                key = b"AWS4" + self._secret.encode()
                for part in (self._day, self._region, "s3", "aws4_request"):
                    key = hmac.digest(key, part.encode(), "sha256")
                self._day_key = key
        return self._stamp


class S3Client:
    """Path-style requests to one gateway, over as many connections as there are concurrent requests."""

    def __init__(
        self,
        host: str,
        port: int,
        access_key_id: str,
        secret: str,
        *,
        region: str = "us-east-1",
        timeout_s: float | None = 60.0,
        clock: Clock | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._signer = Signer(access_key_id, secret, region, f"{host}:{port}", clock or SystemClock())
        self._idle: list[HttpConnection] = []
        self._timeout_s = timeout_s

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body = b"",
        *,
        length: int | None = None,
        payload: Payload = "signed",
        sink: Sink | None = None,
    ) -> Response:
        """Send one request and return its answer, whatever its status.

        `path` is not yet quoted. Header names are lower-case. An iterable `body` needs its `length`, and is
        sent unsigned. With a `sink` a successful answer's body goes there piece by piece instead of into
        `Response.body`. Raises `NoAnswer`.
        """
        payload_hash, length = _described(body, length, payload)
        target = quote(path, safe="/-_.~")
        head = self._signer.head(method, target, _canonical(query), headers or {}, payload_hash, length)
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._connect()
                response = await connection.exchange(method, head, body, sink)
        except TimeoutError:
            raise NoAnswer(f"{method} {path}: none within {self._timeout_s} s") from None
        if connection.reusable:
            self._idle.append(connection)
        return response

    async def put(
        self, bucket: str, key: str, body: Body, headers: Mapping[str, str] | None = None, **options: object
    ) -> Response:
        """PutObject. `if-none-match` and `if-match` go into `headers`."""
        return await self.request("PUT", f"/{bucket}/{key}", None, headers, body, **options)  # type: ignore[arg-type]  # passed through

    async def get(
        self, bucket: str, key: str, headers: Mapping[str, str] | None = None, sink: Sink | None = None
    ) -> Response:
        """GetObject."""
        return await self.request("GET", f"/{bucket}/{key}", None, headers, sink=sink)

    async def head(self, bucket: str, key: str) -> Response:
        """HeadObject."""
        return await self.request("HEAD", f"/{bucket}/{key}")

    async def delete(self, bucket: str, key: str, headers: Mapping[str, str] | None = None) -> Response:
        """DeleteObject."""
        return await self.request("DELETE", f"/{bucket}/{key}", None, headers)

    async def list(self, bucket: str, **query: str) -> Response:
        """ListObjectsV2; underscores in parameter names stand for hyphens."""
        fields = {name.replace("_", "-"): value for name, value in query.items()}
        return await self.request("GET", f"/{bucket}", {"list-type": "2"} | fields)

    async def create_bucket(self, bucket: str) -> Response:
        """CreateBucket."""
        return await self.request("PUT", f"/{bucket}")

    async def _connect(self) -> HttpConnection:
        while self._idle:
            if (connection := self._idle.pop()).reusable:
                return connection
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                HttpConnection, self._host, self._port
            )
        except OSError as error:
            raise NoAnswer(str(error)) from error
        return connection

    async def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _described(body: Body, length: int | None, payload: Payload) -> tuple[str, int]:
    """Return the payload's hash for the signature, and its length."""
    if not isinstance(body, bytes | bytearray | memoryview):
        assert length is not None, "a streamed body needs its length"
        return UNSIGNED, length
    if payload == "unsigned":
        return UNSIGNED, length if length is not None else len(body)
    digest = hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256
    return digest, length if length is not None else len(body)


def _canonical(query: Mapping[str, str] | None) -> str:
    if not query:
        return ""
    pairs: Iterable[tuple[str, str]] = (
        (quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in query.items()
    )
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
