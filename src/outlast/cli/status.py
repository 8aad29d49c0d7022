"""`outlast status`: how the store and each provider are, as this machine sees them now.

The exit status says it in a number. 0: healthy. 3: everything can be read and written, but somebody
should act: a provider is away, refuses writes or is in trouble, or an extent misses a fragment. 4: data or
writes are out of reach. 1: the store could not be looked at.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from outlast.base import limits
from outlast.base.errors import ConfigError, StoreUnavailable
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import bytes_text, count_text, print_error, print_json, print_line, print_table
from outlast.cli.session import run, store_at
from outlast.outages.holdings import Holdings, holdings
from outlast.outages.what_if import outage_of, what_if
from outlast.placement.members import EARLY
from outlast.store import ProviderStatus, Status
from outlast.store.quotas import QuotaUse

Health: TypeAlias = Literal["well", "degraded", "out of reach"]

DEGRADED = 3
OUT_OF_REACH = 4
_exit_status: Mapping[Health, int] = {"well": 0, "degraded": DEGRADED, "out of reach": OUT_OF_REACH}


@dataclass(frozen=True, slots=True)
class Appraisal:
    """How well the store is. `verdict`: a sentence; it counts what is known, and claims no more."""

    health: Health
    verdict: str


def status(config: Config = DEFAULT_CONFIG, state_dir: StateDir = None, json: Json = False) -> None:
    """Show the providers' state, what the store holds, and what is missing somewhere."""

    async def work() -> int:
        try:
            async with store_at(config, state_dir) as store:
                # Try every provider: this process has only just begun and knows nothing of them yet.
                await asyncio.gather(*(store.fleet[name].examine() for name in store.fleet.names))
                found = await store.status()
                appraisal = judge(found, lambda: holdings(store.catalog.state, store.quotas.full()))
        except StoreUnavailable as error:
            # Nothing is known here, and no provider answers. The usual remedy for that is this very command.
            print_error(ConfigError(f"out of reach: {error}", "look at each provider: outlast doctor"), json)
            return OUT_OF_REACH
        print_json(_told(found, appraisal)) if json else _tell(found, appraisal)
        return _exit_status[appraisal.health]

    run(work(), json)


def _told(found: Status, appraisal: Appraisal) -> dict[str, Any]:
    """The status as `--json` prints it."""
    counts = found.counts
    return {
        "health": appraisal.health,
        "verdict": appraisal.verdict,
        "tolerate": found.tolerate,
        "domain": found.domain,
        "acknowledge": found.acknowledge,
        "voters": list(found.voters),
        "slot": found.slot,
        "buckets": counts.buckets,
        "objects": counts.objects,
        "bytes": counts.bytes,
        "uploads": counts.uploads,
        "extents": counts.extents,
        "extents_degraded": counts.degraded,
        "extents_dead": counts.dead,
        "providers": [_provider(one) for one in found.providers],
    }


def _provider(one: ProviderStatus) -> dict[str, Any]:
    return {
        "name": one.name,
        "state": one.state,
        "why": one.why,
        "votes": one.votes,
        "holds_data": one.holds_data,
        "operator": one.domains.operator,
        "expected_ms": {verb: round(1000 * seconds, 2) for verb, seconds in one.expected_s.items()},
        "failures": one.failures,
        "troubles": [asdict(trouble) for trouble in one.troubles],
        "takes_writes": one.takes_writes,
        "quota": None if one.quota is None else _quota(one.quota),
        "space": None if one.space is None else {"free": one.space.free, "total": one.space.total},
    }


def _quota(use: QuotaUse) -> dict[str, Any]:
    kinds = ("bytes", "requests", "egress")
    return {kind: {"used": getattr(use, kind), "of": getattr(use.quota, kind)} for kind in kinds}


def _quota_text(use: QuotaUse) -> str:
    """What is used of what is limited, in a line."""
    quota, told = use.quota, []
    if quota.bytes is not None:
        told.append(f"{bytes_text(use.bytes)} of {bytes_text(quota.bytes)} stored")
    if quota.requests is not None:
        told.append(f"{use.requests} of {quota.requests} requests this month")
    if quota.egress is not None:
        told.append(f"{bytes_text(use.egress)} of {bytes_text(quota.egress)} read this month")
    over = ": used up, it gets no new data" if use.full or use.spent else ""
    return ", ".join(told) + over


def _tell(found: Status, appraisal: Appraisal) -> None:
    print_table(
        ("provider", "operator", "state", "role", "answers in>", "free>"),
        [
            (
                one.name,
                one.domains.operator,
                one.state if one.takes_writes or one.state != "healthy" else "refuses writes",
                _role(one, found.voters),
                f"{1000 * one.expected_s['get']:.1f} ms" if "get" in one.expected_s else "",
                bytes_text(one.space.free) if one.space is not None else "",
            )
            for one in found.providers
        ],
    )
    for one in found.providers:
        for trouble in one.troubles:
            print_line(f"\n{one.name}: {trouble.what}\n  -> {trouble.remedy}")
    for one in found.providers:
        if one.quota is not None:
            print_line(f"\n{one.name}: {_quota_text(one.quota)}")
    counts = found.counts
    print_line(
        f"\n{_count(counts.objects, 'object')} in {_count(counts.buckets, 'bucket')},"
        f" {bytes_text(counts.bytes)};"
        f" the log is at slot {found.slot}"
    )
    print_line(f"{appraisal.health}: {appraisal.verdict}")
    if found.acknowledge == "early":
        print_line(EARLY)


def _role(one: ProviderStatus, voters: tuple[str, ...]) -> str:
    words = (["votes"] if one.name in voters else []) + (["data"] if one.holds_data else [])
    return ", ".join(words)


def judge(found: Status, store: Callable[[], Holdings]) -> Appraisal:
    """How well the store is: as what-if judges the loss of those who are away, or refuse writes, now.

    `store` is called only if something is missing: it takes seconds for a million extents.
    """
    away = {one.name: one.state for one in found.providers if one.state != "healthy"}
    silent = {one.name: "down" for one in found.providers if not one.takes_writes} | away
    degraded, extents = found.counts.degraded, found.counts.extents
    kind, count = found.domain, len(_domains(found, silent))
    if (silent or degraded) and (lost := _lost(store(), away, silent)):
        missing = f"{', '.join(sorted(silent)) or 'fragments'} ({count_text(count, kind)}"
        return Appraisal(
            "out of reach", f"{lost}; not available: {missing}, and only {found.tolerate} may be lost)"
        )
    if degraded:
        when = f"once there is a place for it: see {', '.join(sorted(silent))}" if silent else "now"
        text = f"{degraded} of {extents} extents miss a fragment"
        return Appraisal("degraded", f"{text}, which a gateway or `outlast repair` restores {when}")
    borne = f"any {found.tolerate} of its {kind}s may be lost"
    if silent:
        borne = f"{max(0, found.tolerate - count)} more {kind}s may be lost"
        return Appraisal("degraded", f"everything can be read and written; {borne}")
    if any(one.troubles for one in found.providers):
        return Appraisal("degraded", f"{borne}; see the troubles above")
    return Appraisal("well", borne)


def _lost(store: Holdings, away: Mapping[str, str], silent: Mapping[str, str]) -> str:
    """What cannot be read with these away, and not be written with these silent; "" if everything can."""
    nothing = outage_of(())
    reads, writes = what_if(store, nothing, away).most, what_if(store, nothing, silent).most
    if reads.reads == "lost":
        return "nothing can be read or written"
    unread = ""
    if reads.reads == "degraded":
        unread = f"{count_text(reads.unreadable.objects, 'object')} cannot be read"
    unwritten = {
        "lost": "nothing can be written",
        "degraded": f"nothing larger than {bytes_text(limits.inline_bytes_max)} can be written",
    }.get(writes.writes, "")
    return "; ".join(text for text in (unread, unwritten) if text)


def _domains(found: Status, names: Collection[str]) -> set[str]:
    """The failure domains, of the policy's kind, of these providers."""
    return {str(getattr(one.domains, found.domain)) for one in found.providers if one.name in names}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
