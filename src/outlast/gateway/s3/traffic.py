"""The S3 traffic: counted by operation, and one log line for each request.

A `Visit` follows one request from its arrival to its end, however it ends. This is on the path of every
request: three or four microseconds, and the log line is only formatted if the log level asks for it.

Figures are by operation and S3's own codes, never by bucket or key: their number is bounded, and nothing in
them is a secret. In the log a request has its path, as it was sent and without its query, which may contain a
signature.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from outlast.base.clock import Clock
from outlast.base.errors import OutlastError
from outlast.base.histogram import Histogram, latencies
from outlast.gateway.s3.address import split_target
from outlast.gateway.s3.call import S3Call
from outlast.gateway.s3.errors import S3Error

# The operation of requests that were refused before their operation was known.
UNKNOWN = "unknown"
# Ways to end without an answer, counted next to S3's codes; their status is 0.
BODY_CUT = "BodyCut"
CONNECTION_LOST = "ConnectionLost"
CANCELLED = "Cancelled"
# Errors of 500 and above that are expected; refusals under load belong in the metrics, not in the log.
_NO_FAULT = frozenset({"NotImplemented", "SlowDown"})

_log = structlog.get_logger("outlast.gateway")


@dataclass(slots=True)
class OperationFigures:
    """Totals of the requests for one operation. Bytes are those of bodies."""

    in_flight: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    """Ended requests by HTTP status; 0 for those without a complete answer."""
    codes: Counter[str] = field(default_factory=Counter)
    """Failed requests, by S3's error code or one of the three above."""
    received_bytes: int = 0
    sent_bytes: int = 0
    took_s: Histogram = field(default_factory=latencies)


class Traffic:
    """Figures by operation, for the operations that were requested."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.by_operation = {UNKNOWN: OperationFigures()}
        # Looked up once: binding a logger costs more than everything else here.
        self.logs_requests: bool = _log.bind().is_enabled_for(logging.INFO)

    def of(self, operation: str) -> OperationFigures:
        """Return the figures of an operation."""
        figures = self.by_operation.get(operation)
        if figures is None:
            figures = self.by_operation[operation] = OperationFigures()
        return figures


class Visit:
    """One request in progress. However it ends, one method reports that, once, followed by `leave`."""

    __slots__ = (
        "_began",
        "_cause",
        "_code",
        "_figures",
        "_message",
        "_status",
        "_traffic",
        "_whole_bytes",
        "call",
        "id",
        "operation",
        "request",
    )

    def __init__(self, traffic: Traffic, request: web.BaseRequest, id: str) -> None:
        self.request = request
        self.id = id
        self.call: S3Call | None = None
        self.operation = UNKNOWN
        self._traffic = traffic
        self._figures = traffic.by_operation[UNKNOWN]
        self._figures.in_flight += 1
        self._status, self._whole_bytes = 0, 0
        self._code, self._message = CANCELLED, ""
        self._cause: Exception | None = None
        self._began = traffic.clock.monotonic()

    def set_operation(self, operation: str) -> None:
        """Set its operation, once known."""
        self._figures.in_flight -= 1
        self.operation = operation
        self._figures = self._traffic.of(operation)
        self._figures.in_flight += 1

    def served(self, response: web.StreamResponse) -> None:
        """Record a successful answer."""
        self._status, self._code = response.status, ""
        self._count(response)

    def refused(self, response: web.StreamResponse, error: S3Error, cause: Exception | None) -> None:
        """Record an error answer, which may have had a cause."""
        self._status, self._code, self._message, self._cause = error.status, error.code, error.message, cause
        self._count(response)

    def broken(self, code: str, cause: Exception) -> None:
        """Record a missing or incomplete answer; `code` is one of ours."""
        self._code, self._cause = code, cause

    def _count(self, response: web.StreamResponse) -> None:
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            self._whole_bytes = len(response.body)

    # ------------------------------------------------------------ the end

    def leave(self) -> None:
        """Count the request, which has ended, and log it."""
        figures = self._figures
        figures.in_flight -= 1
        seconds = self._traffic.clock.monotonic() - self._began
        received = self.request.content.total_bytes
        sent = self._whole_bytes if self.call is None else self._whole_bytes + self.call.sent
        figures.statuses[self._status] += 1
        if self._code:
            figures.codes[self._code] += 1
        figures.received_bytes += received
        figures.sent_bytes += sent
        figures.took_s.add(seconds)
        if self._traffic.logs_requests or self._is_our_fault:
            self._log_request(received, sent, seconds)

    @property
    def _is_our_fault(self) -> bool:
        return self._code == BODY_CUT or (self._status >= 500 and self._code not in _NO_FAULT)

    def _log_request(self, received: int, sent: int, seconds: float) -> None:
        fields: dict[str, object] = {
            "request": self.id,
            "method": self.request.method,
            "path": split_target(self.request.raw_path)[0],
            "operation": self.operation,
            "status": self._status,
            "code": self._code,
            "received": received,
            "sent": sent,
            "seconds": round(seconds, 6),
        }
        if self._is_our_fault:
            cause = self._cause
            unforeseen = self._status >= 500 and cause is not None and not isinstance(cause, OutlastError)
            _log.error(
                "s3 request failed", **fields, cause=repr(cause), exc_info=cause if unforeseen else None
            )
        else:
            if self._message:
                fields["message"] = self._message
            elif self._cause is not None:
                fields["cause"] = repr(self._cause)
            _log.info("s3 request", **fields)
