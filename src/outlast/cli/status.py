"""`outlast status`: how the store and each provider are, as this machine sees them now."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import bytes_text, print_json, print_line, print_table
from outlast.cli.session import run, store_at
from outlast.placement.members import EARLY
from outlast.store import ProviderStatus, Status, Store
from outlast.store.quotas import QuotaUse


def status(config: Config = DEFAULT_CONFIG, state_dir: StateDir = None, json: Json = False) -> None:
    """Show the providers' state, what the store holds, and what is missing somewhere."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            await ask_everybody(store)
            found = await store.status()
        print_json(told(found)) if json else _tell(found)

    run(work(), json)


async def ask_everybody(store: Store) -> None:
    """Try every provider: this process has only just begun and knows nothing of them yet."""
    await asyncio.gather(*(store.fleet[name].examine() for name in store.fleet.names))


def told(found: Status) -> dict[str, Any]:
    """The status as `--json` prints it."""
    counts = found.counts
    return {
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
        "quota": None if one.quota is None else _quota(one.quota),
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


def _tell(found: Status) -> None:
    print_table(
        ("provider", "operator", "state", "role", "answers in>"),
        [
            (
                one.name,
                one.domains.operator,
                one.state,
                _role(one, found.voters),
                f"{1000 * one.expected_s['get']:.1f} ms" if "get" in one.expected_s else "",
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
        f"\n{counts.objects} objects in {counts.buckets} buckets, {bytes_text(counts.bytes)};"
        f" the log is at slot {found.slot}"
    )
    print_line(verdict(found))
    if found.acknowledge == "early":
        print_line(EARLY)


def _role(one: ProviderStatus, voters: tuple[str, ...]) -> str:
    words = (["votes"] if one.name in voters else []) + (["data"] if one.holds_data else [])
    return ", ".join(words)


def domains_away(found: Status, also: Iterable[str] = ()) -> set[str]:
    """The failure domains, of the policy's kind, of providers that are not healthy or named in `also`."""
    named = set(also)
    return {
        str(getattr(one.domains, found.domain))
        for one in found.providers
        if one.state != "healthy" or one.name in named
    }


def verdict(found: Status) -> str:
    """In a sentence, what may still be lost. It counts what is known to be missing, and claims no more."""
    away, kind = len(domains_away(found)), found.domain
    left = found.tolerate - away
    if left < 0:
        return f"{away} {kind}s are away, and only {found.tolerate} may be: see `outlast doctor`"
    degraded, extents = found.counts.degraded, found.counts.extents
    if degraded:
        return (
            f"{degraded} of {extents} extents miss a fragment: `outlast repair` before anything else is lost"
        )
    return f"{left} more {kind}s may be lost" if away else f"any {left} of its {kind}s may be lost"
