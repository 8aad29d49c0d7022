"""What this gateway has done and its current state, for Prometheus.

Nothing is counted here: the parts count for themselves, in plain figures (`Store.figures`,
`Service.traffic`), and these collectors read them at each scrape. Every family is always there, with its
help text, even while it has no values yet; `docs/reference/metrics.md` lists them all, and a test compares
the two.

Invariant: a label's value is a provider's name, a verb, an S3 operation, or a word from a fixed list. No
name of a bucket or key, no URL, and no secret can appear here, and the number of series is bounded.
"""

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import Literal

from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from outlast.base.histogram import Histogram
from outlast.gateway.admission import Admission
from outlast.gateway.memory import ClientMemory
from outlast.gateway.s3.traffic import OperationFigures, Traffic
from outlast.store import Figures, HeldBytes, Store

_STATES = ("healthy", "down", "estranged")
_ROUNDS: tuple[Literal["fast", "ballot", "question"], ...] = ("fast", "ballot", "question")


class Metrics:
    """The metrics of one gateway, in a registry of its own."""

    def __init__(self, store: Store, traffic: Traffic, memory: ClientMemory, admission: Admission) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_StoreCollector(store, memory))
        self.registry.register(_TrafficCollector(traffic, admission))
        self.registry.register(_BuildCollector())
        ProcessCollector(registry=self.registry)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the text and its content type: OpenMetrics if `accept` names it, else Prometheus'."""
        if "application/openmetrics-text" in accept:
            text = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]
            return text, openmetrics.CONTENT_TYPE_LATEST
        return exposition.generate_latest(self.registry), exposition.CONTENT_TYPE_PLAIN_0_0_4


class _StoreCollector(Collector):
    def __init__(self, store: Store, memory: ClientMemory) -> None:
        self._store = store
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        figures = self._store.figures()
        yield from _requests_of_providers(figures)
        yield from _health_of_providers(figures)
        yield from _log(figures)
        yield from _store(figures)
        yield from _holdings(figures)
        yield from _drills(figures)
        yield from _memory((*figures.memory, HeldBytes("clients", self._memory.used, self._memory.total)))


class _TrafficCollector(Collector):
    def __init__(self, traffic: Traffic, admission: Admission) -> None:
        self._traffic = traffic
        self._admission = admission

    def collect(self) -> Iterator[Metric]:
        yield from _s3(self._traffic.by_operation)
        yield from _connections(self._admission)


class _BuildCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        build = {"version": metadata.version("outlast"), "python": platform.python_version()}
        yield InfoMetricFamily("outlast_build", "The version of Outlast, and of Python.", build)


# ---------------------------------------------------------------- families


def _requests_of_providers(figures: Figures) -> Iterable[Metric]:
    verb = ("provider", "verb")
    requests = CounterMetricFamily(
        "outlast_provider_requests", "Requests to a provider: each attempt, each page.", labels=verb
    )
    errors = CounterMetricFamily(
        "outlast_provider_request_errors",
        "Requests that a provider answered with an error or broke off; missing, exists and conflict are "
        "ordinary answers.",
        labels=(*verb, "cause"),
    )
    abandoned = CounterMetricFamily(
        "outlast_provider_requests_abandoned",
        "Requests whose answer was not awaited: late, outpaced, or past the deadline.",
        labels=verb,
    )
    sent = CounterMetricFamily("outlast_provider_sent_bytes", "Bytes of objects sent.", labels=verb)
    received = CounterMetricFamily(
        "outlast_provider_received_bytes", "Bytes of objects received.", labels=verb
    )
    seconds = HistogramMetricFamily(
        "outlast_provider_request_seconds", "How long requests took, however they ended.", labels=verb
    )
    for provider in figures.providers:
        for name, usage in provider.usage.items():
            labels = (provider.findings.name, name)
            requests.add_metric(labels, usage.requests)
            for cause, count in usage.failures.items():
                errors.add_metric((*labels, cause), count)
            abandoned.add_metric(labels, usage.given_up)
            sent.add_metric(labels, usage.sent_bytes)
            received.add_metric(labels, usage.received_bytes)
            _add(seconds, labels, usage.took_s)
    return requests, errors, abandoned, sent, received, seconds


def _health_of_providers(figures: Figures) -> Iterable[Metric]:
    failed = CounterMetricFamily(
        "outlast_provider_failed_calls",
        "Failed calls as the store saw them: after retries, deadlines and drills included.",
        labels=("provider", "cause"),
    )
    damaged = CounterMetricFamily(
        "outlast_provider_damaged_reads", "Fragments that differ from what was written.", labels=("provider",)
    )
    opened = CounterMetricFamily(
        "outlast_provider_breaker_opened", "How often the breaker has opened.", labels=("provider",)
    )
    state = GaugeMetricFamily(
        "outlast_provider_state",
        "1 for the state that the provider is in: healthy, down (its breaker is open) or estranged.",
        labels=("provider", "state"),
    )
    since = GaugeMetricFamily(
        "outlast_provider_state_seconds", "How long it has been in that state.", labels=("provider",)
    )
    behind = GaugeMetricFamily(
        "outlast_provider_behind_slots", "Slots that it may lack as a voter.", labels=("provider",)
    )
    for provider in figures.providers:
        found = provider.findings
        for cause, count in found.failures.items():
            failed.add_metric((found.name, cause), count)
        damaged.add_metric((found.name,), found.corrupt)
        opened.add_metric((found.name,), found.opened)
        for each in _STATES:
            state.add_metric((found.name, each), found.state == each)
        since.add_metric((found.name,), found.since_s)
        behind.add_metric((found.name,), provider.behind)
    return failed, damaged, opened, state, since, behind


def _log(figures: Figures) -> Iterable[Metric]:
    rounds = CounterMetricFamily(
        "outlast_log_rounds",
        "Rounds with the voters: fast (one trip), ballot (two), question (one, changes nothing).",
        labels=("kind",),
    )
    decisions = CounterMetricFamily(
        "outlast_log_decisions", "Slots decided here, in one fast round or more slowly.", labels=("path",)
    )
    commit = HistogramMetricFamily("outlast_log_commit_seconds", "From a record's arrival to its outcome.")
    records = HistogramMetricFamily("outlast_log_batch_records", "Records in a batch that was decided.")
    size = HistogramMetricFamily("outlast_log_batch_bytes", "Bytes of a batch that was decided, sealed.")
    reads = CounterMetricFamily(
        "outlast_log_reads",
        "Reads proved to be current by a commit that they shared, or by a quorum read.",
        labels=("way",),
    )
    silent = CounterMetricFamily(
        "outlast_log_no_majority", "Attempts to write or read for which too few voters answered."
    )
    if (log := figures.log) is not None:
        for kind in _ROUNDS:
            rounds.add_metric((kind,), log.rounds[kind])
        decisions.add_metric(("fast",), log.fast)
        decisions.add_metric(("slow",), log.slow)
        _add(commit, (), log.commit_s)
        _add(records, (), log.batch_records)
        _add(size, (), log.batch_bytes)
        reads.add_metric(("rode",), log.reads_rode)
        reads.add_metric(("asked",), log.reads_asked)
        silent.add_metric((), log.no_majority)
    return rounds, decisions, commit, records, size, reads, silent


def _store(figures: Figures) -> Iterable[Metric]:
    slot = GaugeMetricFamily("outlast_catalog_slot", "The newest slot that is applied here.", figures.slot)
    fired = CounterMetricFamily(
        "outlast_hedges_fired",
        "Fragment reads that were started because another was late.",
        figures.hedges.fired,
    )
    hedges = CounterMetricFamily(
        "outlast_hedges",
        "Hedged reads that have ended: won if they were answered before the late one.",
        labels=("outcome",),
    )
    hedges.add_metric(("won",), figures.hedges.won)
    hedges.add_metric(("lost",), figures.hedges.lost)
    noted = CounterMetricFamily(
        "outlast_fragments_noted",
        "Fragments noted for the catalog as missing or damaged (lost), or as there after all (restored).",
        labels=("what",),
    )
    noted.add_metric(("lost",), figures.noted_lost)
    noted.add_metric(("restored",), figures.noted_restored)
    waiting = GaugeMetricFamily(
        "outlast_memory_waiting_writers", "Writers waiting for memory.", figures.waiting_writers
    )
    ready = GaugeMetricFamily(
        "outlast_ready", "1 if the store can be served now, as far as this gateway knows.", figures.ready
    )
    return ready, slot, fired, hedges, noted, waiting


def _holdings(figures: Figures) -> Iterable[Metric]:
    buckets = GaugeMetricFamily("outlast_buckets", "Buckets of the store.")
    objects = GaugeMetricFamily("outlast_objects", "Objects in all buckets.")
    size = GaugeMetricFamily("outlast_object_bytes", "Bytes of the objects in all buckets.")
    uploads = GaugeMetricFamily("outlast_multipart_uploads", "Multipart uploads in progress.")
    extents = GaugeMetricFamily(
        "outlast_extents",
        "Extents: whole, degraded (in use, and known to lack a fragment), or dead (not collected yet).",
        labels=("state",),
    )
    if (facts := figures.facts) is not None:
        counts = facts.counts
        buckets.add_metric((), counts.buckets)
        objects.add_metric((), counts.objects)
        size.add_metric((), counts.bytes)
        uploads.add_metric((), counts.uploads)
        extents.add_metric(("whole",), counts.extents - counts.degraded)
        extents.add_metric(("degraded",), counts.degraded)
        extents.add_metric(("dead",), counts.dead)
    restored = GaugeMetricFamily(
        "outlast_restored_timestamp_seconds",
        "When this gateway last restored a fragment, in Unix time; 0 if it has not.",
        figures.restored_at,
    )
    stored = GaugeMetricFamily(
        "outlast_provider_stored_bytes", "Bytes of the fragments placed there.", labels=("provider",)
    )
    free = GaugeMetricFamily(
        "outlast_provider_free_bytes",
        "Bytes that still fit, by the disk and by its quota; none for providers that have neither.",
        labels=("provider",),
    )
    for provider in figures.providers:
        if provider.stored_bytes is not None:
            stored.add_metric((provider.findings.name,), provider.stored_bytes)
        if provider.free_bytes is not None:
            free.add_metric((provider.findings.name,), provider.free_bytes)
    return buckets, objects, size, uploads, extents, restored, stored, free


def _drills(figures: Figures) -> Iterable[Metric]:
    active = GaugeMetricFamily(
        "outlast_drill_active", "1 while a drill is running on the provider.", labels=("provider",)
    )
    ended = GaugeMetricFamily(
        "outlast_drill_ended_timestamp_seconds", "When the last drill ended, in Unix time; 0 if none has."
    )
    kept = GaugeMetricFamily("outlast_drill_kept", "1 if the last drill kept what was promised, 0 if not.")
    if (facts := figures.facts) is not None:
        for provider in figures.providers:
            active.add_metric((provider.findings.name,), provider.findings.name in facts.drilled)
        last = facts.last_drill
        ended.add_metric((), 0.0 if last is None else last.ended / 1000)
        if last is not None:
            kept.add_metric((), last.kept)
    return active, ended, kept


def _memory(memories: Iterable[HeldBytes]) -> Iterable[Metric]:
    used = GaugeMetricFamily(
        "outlast_memory_used_bytes",
        "Plaintext held for writing and for reading, and memory held by clients' requests.",
        labels=("purpose",),
    )
    limit = GaugeMetricFamily("outlast_memory_limit_bytes", "The limit of that memory.", labels=("purpose",))
    for memory in memories:
        used.add_metric((memory.purpose,), memory.used)
        limit.add_metric((memory.purpose,), memory.limit)
    return used, limit


def _connections(admission: Admission) -> Iterable[Metric]:
    return (
        GaugeMetricFamily(
            "outlast_s3_connections", "Connections of clients, including idle ones.", admission.count
        ),
        GaugeMetricFamily("outlast_s3_connections_limit", "The limit of connections.", admission.most),
        CounterMetricFamily(
            "outlast_s3_connections_refused",
            "Connections beyond the limit: answered with SlowDown, or closed.",
            admission.refused,
        ),
    )


def _s3(by_operation: Mapping[str, OperationFigures]) -> Iterable[Metric]:
    operation = ("operation",)
    requests = CounterMetricFamily(
        "outlast_s3_requests",
        "Requests that have ended, by HTTP status; none if there was no complete answer.",
        labels=("operation", "status"),
    )
    errors = CounterMetricFamily(
        "outlast_s3_errors",
        "Failed requests, by S3's code; BodyCut, ConnectionLost, Cancelled without an answer.",
        labels=("operation", "code"),
    )
    received = CounterMetricFamily("outlast_s3_received_bytes", "Bytes of bodies received.", labels=operation)
    sent = CounterMetricFamily("outlast_s3_sent_bytes", "Bytes of bodies sent.", labels=operation)
    seconds = HistogramMetricFamily(
        "outlast_s3_request_seconds",
        "From a request's head until its answer is ready, or sent if it is a stream.",
        labels=operation,
    )
    flying = GaugeMetricFamily("outlast_s3_requests_in_flight", "Requests in progress.", labels=operation)
    for name, figures in by_operation.items():
        for status, count in figures.statuses.items():
            requests.add_metric((name, str(status or "none")), count)
        for code, count in figures.codes.items():
            errors.add_metric((name, code), count)
        received.add_metric((name,), figures.received_bytes)
        sent.add_metric((name,), figures.sent_bytes)
        _add(seconds, (name,), figures.took_s)
        flying.add_metric((name,), figures.in_flight)
    return requests, errors, received, sent, seconds, flying


def _add(family: HistogramMetricFamily, labels: Sequence[str], histogram: Histogram) -> None:
    """Add it in cumulative form, as Prometheus expects."""
    buckets: list[tuple[str, float]] = []
    count = 0
    for bound, more in zip(histogram.bounds, histogram.counts, strict=False):
        count += more
        buckets.append((str(float(bound)), count))
    buckets.append(("+Inf", count + histogram.counts[-1]))
    family.add_metric(labels, buckets, histogram.total)
