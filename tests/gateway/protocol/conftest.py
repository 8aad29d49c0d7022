"""Requests signed by somebody else's code: botocore is the oracle for signatures."""

import calendar
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.config import Config
from hypothesis import settings
from multidict import CIMultiDict, CIMultiDictProxy

from outlast.gateway.s3.signature import Auth, RequestView, authenticate
from outlast.gateway.s3.uri import parse_query

# A machine that does other things at the same time makes an example slow, not wrong.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# The credentials and the moment of the examples in the AWS documentation.
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
DOCUMENTATION_S = calendar.timegm((2013, 5, 24, 0, 0, 0))


@dataclass(frozen=True)
class Key:
    id: str = ACCESS_KEY
    secret: str = SECRET


def as_view(method: str, url: str, headers: Mapping[str, Any]) -> RequestView:
    """The head of a request for `url` as a server gets it."""
    host, _, rest = url.split("://", 1)[1].partition("/")
    path, _, query = f"/{rest}".partition("?")
    received: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        received.add(name, value.decode() if isinstance(value, bytes) else str(value))
    received.setdefault("Host", host)
    return RequestView(method, path, query, CIMultiDictProxy(received), parse_query(query))


class Signer:
    """Signs with botocore."""

    credentials = botocore.credentials.Credentials(ACCESS_KEY, SECRET)

    def sign(
        self,
        method: str = "GET",
        url: str = "http://127.0.0.1:9000/bucket/key",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        region: str = "us-east-1",
        payload_hash: str = "",
    ) -> RequestView:
        """Signed in the Authorization header; `payload_hash` instead of the body's SHA-256."""
        request = botocore.awsrequest.AWSRequest(method, url, dict(headers or {}), body)
        auth = botocore.auth.S3SigV4Auth(self.credentials, "s3", region)
        if payload_hash:
            auth.payload = lambda request: payload_hash
        auth.add_auth(request)
        prepared = request.prepare()
        return as_view(method, prepared.url, prepared.headers)

    def presign(
        self,
        method: str = "GET",
        url: str = "http://127.0.0.1:9000/bucket/key",
        headers: Mapping[str, str] | None = None,
        expires: int = 3600,
    ) -> RequestView:
        """Signed in the query."""
        request = botocore.awsrequest.AWSRequest(method, url, dict(headers or {}))
        botocore.auth.S3SigV4QueryAuth(self.credentials, "s3", "us-east-1", expires).add_auth(request)
        prepared = request.prepare()
        return as_view(method, prepared.url, prepared.headers)


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


async def lookup(id: str) -> Key | None:
    return Key() if id == ACCESS_KEY else None


@pytest.fixture(scope="session")
def verify() -> Callable[..., Any]:
    """`await verify(view, now=..., region=...)`: authenticate with the one key that there is."""

    async def run(view: RequestView, now: float | None = None, region: str | None = None) -> Auth[Key]:
        return await authenticate(view, lookup, time.time() if now is None else now, region)

    return run


@pytest.fixture(scope="session")
def make_view() -> Callable[..., RequestView]:
    return as_view


@pytest.fixture(scope="session")
def documentation_s() -> int:
    return DOCUMENTATION_S


@pytest.fixture
def sent() -> Iterator[tuple[Any, list[SimpleNamespace]]]:
    """A boto3 client that sends nothing, and the requests (view, body) that it would have sent."""
    client = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9000",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(signature_version="s3v4"),  # the default presigns with version 2
    )
    requests: list[SimpleNamespace] = []

    def catch(request: Any, **_: Any) -> botocore.awsrequest.AWSResponse:
        body = request.body.read() if hasattr(request.body, "read") else request.body or b""
        requests.append(
            SimpleNamespace(view=as_view(request.method, request.url, request.headers), body=body)
        )
        raw = SimpleNamespace(stream=lambda **_: iter([b""]), read=lambda *_: b"")
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, raw)

    client.meta.events.register("before-send.s3", catch)
    yield client, requests
    client.close()
