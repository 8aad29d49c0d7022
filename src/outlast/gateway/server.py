"""The HTTP server of a gateway.

Small on purpose: it takes connections, passes requests to the S3 service (and those for the metrics to
`scrape`, those for its state to `readiness`), and stops without dropping requests in progress. TLS is left to
a reverse proxy.
"""

from collections.abc import Iterable
from types import TracebackType
from typing import cast

from aiohttp import web

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.limits import client_bytes_max
from outlast.gateway.admission import Admission, connections_allowed
from outlast.gateway.connection import Connection
from outlast.gateway.connections import Connections
from outlast.gateway.memory import ClientMemory
from outlast.gateway.metrics import Metrics
from outlast.gateway.readiness import Readiness
from outlast.gateway.s3.address import Hosts
from outlast.gateway.s3.service import Service
from outlast.gateway.scrape import Scrape
from outlast.store import Store

STOP_S_MAX = 30.0
BACKLOG = 1024


class GatewayServer:
    """Serves a store over HTTP. The store is opened and closed by its creator.

    `domains`: those under which buckets are host names. `metrics_token`: see `scrape`. `memory` holds what
    clients' requests need, and `admission` limits the number of connections.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        *,
        domains: Iterable[str] = (),
        metrics_token: str = "",
    ) -> None:
        hosts = Hosts(domains)
        self.memory = ClientMemory(client_bytes_max, clock)
        self.admission = Admission(connections_allowed(), clock)
        self._service = Service(store, clock, entropy, hosts)
        self.traffic = self._service.traffic
        self.metrics = Metrics(store, self.traffic, self.memory, self.admission)
        self._scrape = Scrape(self.metrics, hosts, metrics_token)
        self._readiness = Readiness(store, hosts)
        self._connections: Connections | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Accept requests at `host`:`port`; port 0 picks a free one. Returns the port. Raises `OSError`."""
        connections = Connections(self._handle, self._service.new_id, self.memory, self.admission)
        runner = web.ServerRunner(connections, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        except OSError:
            await runner.cleanup()
            raise
        self._connections, self._runner = connections, runner
        bound: int = runner.addresses[0][1]
        return bound

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._readiness.takes(request):
            return self._readiness.answer(request)
        if self._scrape.takes(request):
            return self._scrape.answer(request)
        if cast(Connection, request.protocol).refused:
            return self._service.refuse(request)
        return await self._service(request)

    async def stop(self, within_s: float = STOP_S_MAX) -> None:
        """Accept no more connections, finish the requests in progress, close. Slower requests are cut off."""
        if self._runner is None or self._connections is None:
            return
        for site in list(self._runner.sites):
            await site.stop()
        await self._connections.finish(within_s)
        await self._runner.cleanup()
        self._runner = self._connections = None

    async def __aenter__(self) -> "GatewayServer":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
