"""`GET /ready`: whether a gateway can serve the store now, for load balancers and supervisors.

200 or 503, and a word; anybody may ask. It says nothing of the providers, and asks them nothing: the answer
is what the gateway knows. As with the metrics, only a request that S3 would refuse anyway is taken for it, so
that there may be a bucket of that name.
"""

from aiohttp import web

from outlast.base.errors import LocalStateCorrupt
from outlast.gateway.s3.address import Hosts
from outlast.store import Store

PATH = "/ready"


class Readiness:
    """Answers for `store`."""

    def __init__(self, store: Store, hosts: Hosts) -> None:
        self._store = store
        self._hosts = hosts

    def takes(self, request: web.BaseRequest) -> bool:
        """Whether the request asks for it."""
        return (
            request.raw_path == PATH
            and request.method in ("GET", "HEAD")
            and "Authorization" not in request.headers
            and not self._hosts.bucket(request.headers.get("Host", ""))
        )

    def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Whether it is ready."""
        try:
            ready = not self._store.why_not_ready()
        except LocalStateCorrupt:
            ready = False  # it is being built anew
        headers = {"Server": "Outlast", "Content-Type": "text/plain", "Cache-Control": "no-store"}
        body = b"" if request.method == "HEAD" else b"ready\n" if ready else b"not ready\n"
        return web.Response(status=200 if ready else 503, headers=headers, body=body)
