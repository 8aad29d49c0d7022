"""A Google Cloud Storage server for tests: small, in memory, and as strict as the real one.

It answers the XML API as far as obstore uses it: objects (PUT, GET, HEAD, DELETE) with generations and
`x-goog-if-generation-match`, ranges, and listings (`list-type=2`). Other emulators let every racer win; here
the check of a condition and the write are one step. It forbids what the real one forbids: more than one
mutation (write or delete) of one name in `name_interval_s` is answered with 429.

It is no copy of Google's service: one bucket of each requested name, no versions, no JSON API.

    async with GcsServer(buckets=["one"], clock=SystemClock()) as server:
        server.url

As a process of its own, to be killed and stopped: `python -m outlast.testing.gcs_server --port 4443 BUCKET`.
"""

import argparse
import asyncio
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Self
from urllib.parse import unquote
from xml.sax.saxutils import escape

from aiohttp import web

from outlast.base.clock import Clock, SystemClock

list_page_entries = 1000


@dataclass(frozen=True, slots=True)
class _GcsObject:
    data: bytes
    generation: int
    written_at: float

    @property
    def headers(self) -> dict[str, str]:
        return {
            "ETag": f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"',
            "Last-Modified": formatdate(self.written_at, usegmt=True),
            "x-goog-generation": str(self.generation),
            "Accept-Ranges": "bytes",
        }


class _Refusal(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class GcsServer:
    """See the module's docstring. `token`: what requests must present; None lets every client in.

    `throttle_first`: a mutation that comes too early gets 429 even if its condition does not hold.
    """

    def __init__(
        self,
        buckets: Collection[str],
        clock: Clock,
        name_interval_s: float = 1.0,
        token: str | None = None,
        throttle_first: bool = False,
    ) -> None:
        self.name_interval_s = name_interval_s
        self.token = token
        self.throttle_first = throttle_first
        self.throttled = 0
        """How many requests were answered with 429."""
        self.requests = 0
        self._buckets: dict[str, dict[str, _GcsObject]] = {bucket: {} for bucket in buckets}
        self._mutated_at: dict[tuple[str, str], float] = {}
        self._clock = clock
        self._generation = 1_700_000_000_000_000
        self._runner: web.ServerRunner | None = None
        self.url = ""

    async def start(self, port: int = 0) -> Self:
        """Listen on this computer; port 0 picks a free one."""
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def stop(self) -> None:
        """Stop listening. Stored objects stay for another `start`."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def wipe(self) -> None:
        """Empty every bucket."""
        for objects in self._buckets.values():
            objects.clear()
        self._mutated_at.clear()

    # ------------------------------------------------------------ requests

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests += 1
        bucket, _, name = (unquote(part) for part in request.rel_url.raw_path[1:].partition("/"))
        body = b"".join([chunk async for chunk in request.content.iter_any()])
        # From here to the end nothing waits: each request is one atomic step.
        try:
            if self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}":
                raise _Refusal(401, "AuthenticationRequired")
            objects = self._buckets.get(bucket)
            if objects is None:
                raise _Refusal(404, "NoSuchBucket")
            if not name:
                return self._list(request, objects)
            if request.method == "PUT":
                return self._put(request, bucket, name, body)
            if request.method == "DELETE":
                return self._delete(bucket, name)
            if request.method in ("GET", "HEAD"):
                return self._get(request, objects, name)
            raise _Refusal(405, "MethodNotAllowed")
        except _Refusal as refusal:
            text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{refusal.code}</Code></Error>"
            return web.Response(status=refusal.status, text=text, content_type="application/xml")

    def _put(self, request: web.BaseRequest, bucket: str, name: str, body: bytes) -> web.Response:
        objects = self._buckets[bucket]
        if self.throttle_first:
            self._check_rate(bucket, name)
        condition = request.headers.get("x-goog-if-generation-match")
        present = objects[name].generation if name in objects else 0
        if condition is not None and condition != str(present):
            raise _Refusal(412, "PreconditionFailed")
        self._check_rate(bucket, name)
        self._generation += 1
        objects[name] = written = _GcsObject(body, self._generation, self._clock.now())
        self._mutated_at[bucket, name] = self._clock.monotonic()
        return web.Response(headers=written.headers)

    def _delete(self, bucket: str, name: str) -> web.Response:
        if name not in self._buckets[bucket]:
            raise _Refusal(404, "NoSuchKey")
        self._check_rate(bucket, name)
        del self._buckets[bucket][name]
        self._mutated_at[bucket, name] = self._clock.monotonic()
        return web.Response(status=204)

    def _check_rate(self, bucket: str, name: str) -> None:
        before = self._mutated_at.get((bucket, name), float("-inf"))
        if self._clock.monotonic() < before + self.name_interval_s:
            self.throttled += 1
            raise _Refusal(429, "SlowDown")

    def _get(self, request: web.BaseRequest, objects: dict[str, _GcsObject], name: str) -> web.Response:
        found = objects.get(name)
        if found is None:
            raise _Refusal(404, "NoSuchKey")
        size = len(found.data)
        span = request.http_range
        if request.method == "HEAD":
            return web.Response(headers={**found.headers, "Content-Length": str(size)})
        if span.start is None:
            return web.Response(body=found.data, headers=found.headers)
        start, stop = span.start, min(size if span.stop is None else span.stop, size)
        if start >= size:
            raise _Refusal(416, "InvalidRange")
        headers = {**found.headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
        return web.Response(status=206, body=found.data[start:stop], headers=headers)

    def _list(self, request: web.BaseRequest, objects: dict[str, _GcsObject]) -> web.Response:
        query = request.rel_url.query
        prefix = query.get("prefix", "")
        after: str = query.get("continuation-token") or query.get("start-after") or ""
        limit = min(int(query.get("max-keys", list_page_entries)), list_page_entries)
        names = sorted(name for name in objects if name.startswith(prefix) and name > after)
        page = names[:limit]
        more = len(names) > limit
        entries = "".join(_entry(name, objects[name]) for name in page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = (
            "<?xml version='1.0' encoding='UTF-8'?>"
            "<ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>"
            f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}</ListBucketResult>"
        )
        return web.Response(text=text, content_type="application/xml")


def _entry(name: str, one: _GcsObject) -> str:
    etag = hashlib.md5(one.data, usedforsecurity=False).hexdigest()
    return (
        f"<Contents><Key>{escape(name)}</Key><Generation>{one.generation}</Generation>"
        f"<LastModified>{_iso(one.written_at)}</LastModified>"
        f"<ETag>&quot;{etag}&quot;</ETag><Size>{len(one.data)}</Size></Contents>"
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def _serve(arguments: argparse.Namespace) -> None:
    server = GcsServer(arguments.bucket, SystemClock(), arguments.name_interval_s)
    await server.start(arguments.port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A Google Cloud Storage server for tests.")
    parser.add_argument("bucket", nargs="+")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name-interval-s", type=float, default=1.0)
    asyncio.run(_serve(parser.parse_args()))
