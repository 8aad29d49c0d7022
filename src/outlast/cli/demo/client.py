"""As much of an S3 client as the demonstration needs: signed PUT and GET over kept-alive connections.

It retries nothing, so that every failure counts as one.
"""

import hashlib
import re
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from outlast.base.clock import Clock
from outlast.gateway.s3.signing import canonical_request, hmac_sha256, signing_key, string_to_sign

_REGION = "us-east-1"
_SIGNED = ("host", "x-amz-content-sha256", "x-amz-date")


class RequestFailed(Exception):
    """The gateway answered with something else than success, or not at all."""


class DemoClient:
    """One endpoint, one access key. Use it as an async context manager."""

    def __init__(self, endpoint: str, access_key: str, secret: str, clock: Clock, connections: int) -> None:
        self._endpoint = endpoint
        self._host = endpoint.split("://", 1)[1]
        self._access_key = access_key
        self._secret = secret
        self._clock = clock
        # The client waits longer than the gateway does, so that it is the gateway that says what failed.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections), timeout=aiohttp.ClientTimeout(total=60)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def create_bucket(self, bucket: str) -> None:
        """Make a bucket. Raises `RequestFailed`."""
        await self._request("PUT", f"/{bucket}", b"")

    async def put(self, bucket: str, key: str, data: bytes) -> None:
        """Write an object. Raises `RequestFailed`."""
        await self._request("PUT", _path(bucket, key), data)

    async def get(self, bucket: str, key: str) -> bytes:
        """Read an object. Raises `RequestFailed`."""
        return await self._request("GET", _path(bucket, key), b"")

    async def _request(self, method: str, path: str, data: bytes) -> bytes:
        url = URL(self._endpoint + path, encoded=True)
        headers = self._signed(method, path, data)
        try:
            async with self._session.request(method, url, data=data or None, headers=headers) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RequestFailed(f"{method} {path}: {error or type(error).__name__}") from error
        if response.status != 200:
            said = re.search(rb"<Message>(.*?)</Message>", body, re.DOTALL)
            reason = said[1].decode(errors="replace") if said else ""
            raise RequestFailed(f"{method} {path}: {response.status} {reason}")
        return body

    def _signed(self, method: str, path: str, data: bytes) -> CIMultiDict[str]:
        timestamp = datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y%m%dT%H%M%SZ")
        date = timestamp[:8]
        payload = hashlib.sha256(data).hexdigest()
        headers: CIMultiDict[str] = CIMultiDict(
            {"host": self._host, "x-amz-content-sha256": payload, "x-amz-date": timestamp}
        )
        scope = f"{date}/{_REGION}/s3/aws4_request"
        request = canonical_request(method, path, "", headers, _SIGNED, payload)
        text = string_to_sign(timestamp, scope, request)
        signature = hmac_sha256(signing_key(self._secret, date, _REGION), text).hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope},"
            f"SignedHeaders={';'.join(_SIGNED)},Signature={signature}"
        )
        return headers


def _path(bucket: str, key: str) -> str:
    return f"/{bucket}/{quote(key, safe='/-_.~')}"
