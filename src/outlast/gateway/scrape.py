"""`GET /metrics`: who may read a gateway's metrics, and the answer.

It shares the S3 port with a possible bucket `metrics`, so only a request that S3 would refuse anyway is
treated as one: a GET of exactly that path, without a signature, and not for a bucket's own host name.

Without a token only this computer may read: a client at a loopback address that requests a loopback host
and shows no sign of having come through a proxy. With one, any client that presents it. All other clients get
S3's answer.
"""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address

from aiohttp import web

from outlast.gateway.metrics import Metrics
from outlast.gateway.s3.address import Hosts
from outlast.gateway.s3.signing import same

PATH = "/metrics"

# Headers that proxies add. A proxy on this computer would make all clients look local.
_PROXY_HEADERS = frozenset({"forwarded", "via", "x-real-ip"})
_PROXY_PREFIX = "x-forwarded-"


class Scrape:
    """Answers clients that may read `metrics`. `token` "": only this computer may."""

    def __init__(self, metrics: Metrics, hosts: Hosts, token: str = "") -> None:
        self._metrics = metrics
        self._hosts = hosts
        self._token = token

    def takes(self, request: web.BaseRequest) -> bool:
        """Whether the request is for the metrics and may read them."""
        if request.raw_path != PATH or request.method != "GET":
            return False
        if self._hosts.bucket(request.headers.get("Host", "")):
            return False
        authorization = request.headers.get("Authorization")
        if self._token:
            scheme, _, shown = (authorization or "").partition(" ")
            return scheme.lower() == "bearer" and same(self._token, shown.strip())
        return authorization is None and _is_local(request)

    def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the metrics, in the format that the client prefers."""
        body, content_type = self._metrics.render(request.headers.get("Accept", ""))
        headers = {"Server": "Outlast", "Content-Type": content_type, "Cache-Control": "no-store"}
        return web.Response(headers=headers, body=body)


def _is_local(request: web.BaseRequest) -> bool:
    return (
        _is_loopback(request.remote or "")
        and _is_loopback_host(request.headers.get("Host", ""))
        and not _came_through_a_proxy(request.headers)
    )


def _came_through_a_proxy(headers: Mapping[str, str]) -> bool:
    names = [name.lower() for name in headers]
    return any(name in _PROXY_HEADERS or name.startswith(_PROXY_PREFIX) for name in names)


def _is_loopback_host(host: str) -> bool:
    """Whether a `Host` header names this computer. A proxy for S3 keeps the name that was signed."""
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower() == "localhost" or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback
