"""`GET /ready`: whether a gateway can serve the store now, for load balancers and supervisors.

It returns 200 or 503, and a word, to any client. It says nothing about the providers and sends them no
request: the answer is what the gateway knows. As with the metrics, only a request that S3 would refuse
anyway is treated as one, so that there may be a bucket of that name.
"""

from aiohttp import web

from outlast.base.errors import LocalStateCorrupt
from outlast.gateway.s3.address import Hosts
from outlast.store import Store

PATH = "/ready"


class Readiness:
    """Answers readiness requests for `store`."""

    def __init__(self, store: Store, hosts: Hosts) -> None:
        self._store = store
        self._hosts = hosts

    def takes(self, request: web.BaseRequest) -> bool:
        """Whether this is a readiness request."""
        return (
            request.raw_path == PATH
            and request.method in ("GET", "HEAD")
            and "Authorization" not in request.headers
            and not self._hosts.bucket(request.headers.get("Host", ""))
        )

    def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer whether the store is ready."""
        try:
            ready = not self._store.why_not_ready()
        except LocalStateCorrupt:
            ready = False  # the local catalog is being rebuilt
        headers = {"Server": "Outlast", "Content-Type": "text/plain", "Cache-Control": "no-store"}
        body = b"" if request.method == "HEAD" else b"ready\n" if ready else b"not ready\n"
        return web.Response(status=200 if ready else 503, headers=headers, body=body)
