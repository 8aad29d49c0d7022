"""An S3 request from its arrival to its answer: address, authenticate, authorize, dispatch, answer, log.

The order matters. No answer reveals what exists, and no body is read, before the signature is verified; no
header or parameter is silently ignored. The access key may have been deleted through another gateway since
this gateway's last quorum read: a write does one first, if the last was a while ago, and a read checks the
key again after its own quorum read, before its answer is sent.

Every failure becomes its S3 error in one place here; and every request ends in `traffic`, where it is
counted and logged.
"""

import itertools

from aiohttp import web

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import OutlastError
from outlast.base.limits import KIB
from outlast.gateway.s3.access import authorize
from outlast.gateway.s3.address import Hosts, locate, split_target
from outlast.gateway.s3.call import XML_TYPE, S3Call, common_headers
from outlast.gateway.s3.dispatch import handler_of, operation_of
from outlast.gateway.s3.errors import S3Error, busy, from_store_error, render_error
from outlast.gateway.s3.get_object import BodyCutError
from outlast.gateway.s3.refusals import refuse_headers, refuse_parameters
from outlast.gateway.s3.signature import RequestView, authenticate, unknown_key
from outlast.gateway.s3.traffic import BODY_CUT, CONNECTION_LOST, Traffic, Visit
from outlast.gateway.s3.unsigned import refuse_unsigned
from outlast.gateway.s3.uri import parse_query
from outlast.store import Store

# Amazon's bound for all headers of a request. The connection has bounds of its own, for non-S3 input.
HEADER_BYTES_MAX = 8 * KIB


class Service:
    """Serves S3 from `store`. `hosts` determines which host names are buckets.

    An instance is the handler of an HTTP server: request in, response out.
    """

    def __init__(self, store: Store, clock: Clock, entropy: Entropy, hosts: Hosts) -> None:
        self._store = store
        self._clock = clock
        self._hosts = hosts
        self.traffic = Traffic(clock)
        # Request ids: this process, then a count. They only need to be distinct.
        self._process = entropy.bytes(5).hex().upper()
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        """Return the id of a new request."""
        return f"{self._process}{next(self._numbers):010X}"

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request. Raises only `ConnectionError`: the connection is of no more use then."""
        visit = Visit(self.traffic, request, self.new_id())
        try:
            response = await self._serve(visit)
            visit.served(response)
            return response
        except S3Error as error:
            return self._refuse(visit, error, None)
        except OutlastError as error:
            stranger = visit.call is None or not visit.call.is_authenticated
            return self._refuse(visit, from_store_error(error, stranger=stranger), error)
        except BodyCutError as error:
            visit.broken(BODY_CUT, error)
            raise
        except ConnectionError as error:
            visit.broken(CONNECTION_LOST, error)
            raise
        except Exception as error:
            return self._refuse(visit, S3Error("InternalError"), error)
        finally:
            visit.leave()

    def refuse(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer to a request on a connection beyond the limit."""
        visit = Visit(self.traffic, request, self.new_id())
        response = self._refuse(visit, busy("There are too many connections to this gateway."), None)
        response.force_close()
        visit.leave()
        return response

    async def _serve(self, visit: Visit) -> web.StreamResponse:
        request = visit.request
        _check_head(request)
        raw_path, raw_query = split_target(request.raw_path)
        query = parse_query(raw_query)
        headers = request.headers
        bucket, key = locate(raw_path, self._hosts.bucket(headers.get("Host", "")))
        call = visit.call = S3Call(self._store, self._clock, request, visit.id, bucket, key, query)
        refuse_unsigned(call)
        view = RequestView(request.method, raw_path, raw_query, headers, query)
        call.auth = await authenticate(view, self._store.access_key, self._clock.now())
        operation = operation_of(call)
        visit.set_operation(operation.name)
        authorize(call.auth.access_key, operation, bucket)
        handler = handler_of(operation)
        refuse_headers(headers)
        if query:
            refuse_parameters(query)
        if operation.writes:
            if not await self._store.access_key_exists(call.auth.access_key.id):
                raise unknown_key(call.auth.access_key.id)
            return await handler(call)
        try:
            response = await handler(call)
        except (OutlastError, S3Error):
            call.check_key()  # a deleted key must not learn what exists
            raise
        if not response.prepared:
            call.check_key()
        return response

    def _refuse(self, visit: Visit, error: S3Error, cause: Exception | None) -> web.StreamResponse:
        """Return the answer to a request that failed."""
        request, id = visit.request, visit.id
        path = split_target(request.raw_path)[0]
        body = b"" if request.method == "HEAD" else render_error(error, path, id)
        response = web.Response(
            status=error.status, headers={**common_headers(id), **error.headers}, body=body
        )
        if body:
            response.headers["Content-Type"] = XML_TYPE
        if not request.content.is_eof():
            # The rest of the body may never come, or may be a confused client's next request.
            response.force_close()
        visit.refused(response, error, cause)
        return response


def _check_head(request: web.BaseRequest) -> None:
    size = sum([len(name) + len(value) for name, value in request.raw_headers])
    if size > HEADER_BYTES_MAX:
        raise S3Error("RequestHeaderSectionTooLarge", extra={"MaxSizeAllowed": str(HEADER_BYTES_MAX)})
