"""What comes in and goes out over S3: counted by operation, and one line in the log for each request.

A `Visit` follows one request from its arrival to its end, however it ends. This is on the path of every
request: three or four microseconds, and the line in the log is put together only if somebody wants to see it.

Figures are by operation and S3's own codes, never by bucket or key: how many there are is bounded, and
nothing in them is a secret. In the log a request has its path, as it was sent and without its query, which
may hold a signature.
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

# The operation of requests that were refused before it was known which they ask for.
UNKNOWN = "unknown"
# Ways to end that are no answer, told apart like S3's codes; their status is 0.
BODY_CUT = "BodyCut"
CONNECTION_LOST = "ConnectionLost"
CANCELLED = "Cancelled"
# Errors of 500 and above that are as it should be; a crowd's refusals are for the metrics, not for the log.
_NO_FAULT = frozenset({"NotImplemented", "SlowDown"})

_log = structlog.get_logger("outlast.gateway")


@dataclass(slots=True)
class OperationFigures:
    """What requests for one operation have come to. Bytes are those of bodies."""

    in_flight: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    """Ended requests by HTTP status; 0 for those without a whole answer."""
    codes: Counter[str] = field(default_factory=Counter)
    """Those that did not succeed, by S3's error code or one of the three above."""
    received_bytes: int = 0
    sent_bytes: int = 0
    took_s: Histogram = field(default_factory=latencies)


class Traffic:
    """Figures by operation, for the operations that were asked for."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.by_operation = {UNKNOWN: OperationFigures()}
        # Asked once: a logger that is bound anew costs more than everything else here.
        self.told: bool = _log.bind().is_enabled_for(logging.INFO)

    def of(self, operation: str) -> OperationFigures:
        """The figures of an operation."""
        figures = self.by_operation.get(operation)
        if figures is None:
            figures = self.by_operation[operation] = OperationFigures()
        return figures


class Visit:
    """One request under way. However it ends, it is told so by one method, once, and then to `leave`."""

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

    def asks_for(self, operation: str) -> None:
        """It is known which operation it is."""
        self._figures.in_flight -= 1
        self.operation = operation
        self._figures = self._traffic.of(operation)
        self._figures.in_flight += 1

    def served(self, response: web.StreamResponse) -> None:
        """It was answered as it wished."""
        self._status, self._code = response.status, ""
        self._count(response)

    def refused(self, response: web.StreamResponse, error: S3Error, cause: Exception | None) -> None:
        """It was answered with an error, which may have had a cause."""
        self._status, self._code, self._message, self._cause = error.status, error.code, error.message, cause
        self._count(response)

    def broken(self, code: str, cause: Exception) -> None:
        """It was not answered, or not to the end; `code` is one of ours."""
        self._code, self._cause = code, cause

    def _count(self, response: web.StreamResponse) -> None:
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            self._whole_bytes = len(response.body)

    # ------------------------------------------------------------ the end

    def leave(self) -> None:
        """It is over: count it, and tell of it."""
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
        if self._traffic.told or self._is_our_fault:
            self._tell(received, sent, seconds)

    @property
    def _is_our_fault(self) -> bool:
        return self._code == BODY_CUT or (self._status >= 500 and self._code not in _NO_FAULT)

    def _tell(self, received: int, sent: int, seconds: float) -> None:
        said: dict[str, object] = {
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
            _log.error("s3 request failed", **said, cause=repr(cause), exc_info=cause if unforeseen else None)
        else:
            if self._message:
                said["message"] = self._message
            elif self._cause is not None:
                said["cause"] = repr(self._cause)
            _log.info("s3 request", **said)
