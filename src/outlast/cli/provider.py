"""`outlast provider list|probe`: which providers there are, and what each can really do."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from outlast.assembly.examination import Examined, answer_s, examine
from outlast.assembly.roster import Roster, open_roster
from outlast.assembly.settings import load_settings
from outlast.assembly.survey import whole_url
from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.base.errors import ConfigError
from outlast.cli import FAILED
from outlast.cli.declare import Argument, Option, UsageError
from outlast.cli.options import DEFAULT_CONFIG, Config, Json
from outlast.cli.output import print_json, print_line, print_note, print_table
from outlast.cli.session import run
from outlast.placement.members import Member
from outlast.providers.marker import Marker
from outlast.providers.registry import open_provider, parse_url

# What a provider that was named by its URL alone is called in what is said of it.
unnamed = "url"


def list_providers(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """List the providers: where they are, what they share, what the store has them do, how near they are."""

    async def work() -> None:
        settings = load_settings(config)
        clock = SystemClock()
        async with open_roster(settings, clock, SystemEntropy()) as roster:
            guards = [roster.providers.guards[name] for name in settings.providers]
            answers = await asyncio.gather(*(answer_s(guard.inner, clock) for guard in guards))
            rows = [
                _row(name, url, took_s, roster)
                for (name, url), took_s in zip(settings.providers.items(), answers, strict=True)
            ]
            rows += [_absent(member, roster) for member in roster.unconfigured()]
            if json:
                print_json(rows)
                return
            _tell_list(rows)
            if roster.why_unknown:
                print_note(f"\nwhat the store has them do is unknown: {roster.why_unknown}")

    run(work(), json)


def probe(
    name: Annotated[
        list[str] | None,
        Argument(help="The providers to measure; without one, all that the settings name."),
    ] = None,
    url: Annotated[
        str, Option(metavar="URL", help="Measure the place at this URL instead; it need be no store's.")
    ] = "",
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Measure what providers can do now, and compare it with what the store believes.

    Only short-lived objects below `probe/` are written, so a live store is not disturbed.
    """
    if name and url:
        raise UsageError("name providers or a URL, not both")

    async def work() -> int:
        told = [await _probe_url(url)] if url else await _probe_named(config, name or [])
        if json:
            print_json(told)
        else:
            for one in told:
                _tell_probe(one)
        return FAILED if any(one["troubles"] for one in told) else 0

    run(work(), json)


# ---------------------------------------------------------------- list


def _row(name: str, url: str, took_s: float | None, roster: Roster) -> dict[str, Any]:
    location = parse_url(name, url)
    member = roster.member(name)
    # The catalog's word counts for what is shared, as for all that it knows.
    domains = _domains(member) if member is not None else location.domains
    return {
        "name": name,
        "url": whole_url(location),
        "domains": domains,
        **_duties(member, roster),
        "read_ms": None if took_s is None else round(1000 * took_s, 3),
    }


def _absent(member: Member, roster: Roster) -> dict[str, Any]:
    return {
        "name": member.name,
        "url": None,
        "domains": _domains(member),
        **_duties(member, roster),
        "read_ms": None,
    }


def _domains(member: Member) -> dict[str, str]:
    """What a member shares, by kind; "" is unknown."""
    return {kind: getattr(member.domains, kind) for kind in member.domains.__struct_fields__}


def _duties(member: Member | None, roster: Roster) -> dict[str, Any]:
    """What the store has the provider do; None where that is unknown."""
    if member is None:
        return {"role": None, "may_vote": None, "may_hold_data": None, "votes": None}
    genesis = roster.genesis
    assert genesis is not None, "a member is one of a store's"
    return {
        "role": _role(member),
        "may_vote": member.votes,
        "may_hold_data": member.holds_data,
        "votes": member.name in genesis.voters,
    }


def _role(member: Member) -> str:
    if not member.holds_data:
        return "witness"
    return "full" if member.votes else "data"


def _tell_list(rows: Sequence[dict[str, Any]]) -> None:
    print_table(
        (
            *("provider", "role", "votes", "a small read"),
            *("operator", "region", "account", "software", "location", "url"),
        ),
        [
            (
                row["name"],
                row["role"] or "unknown",
                {True: "yes", False: "no", None: "unknown"}[row["votes"]],
                "no answer" if row["read_ms"] is None else f"{row['read_ms']:.1f} ms",
                *(row["domains"][kind] for kind in ("operator", "region", "account", "software", "location")),
                row["url"] or "not in outlast.toml",
            )
            for row in rows
        ],
    )


# ---------------------------------------------------------------- probe


async def _probe_url(url: str) -> dict[str, Any]:
    location = parse_url(unnamed, url)
    clock, entropy = SystemClock(), SystemEntropy()
    provider = open_provider(unnamed, url, clock, entropy)
    try:
        found = await examine(provider, None, None, clock, entropy)
    finally:
        await provider.close()
    return {**_told(unnamed, whole_url(location), found, None), "marker": _marker(found.marker)}


async def _probe_named(config: Config, names: Sequence[str]) -> list[dict[str, Any]]:
    settings = load_settings(config)
    wanted = names or list(settings.providers)
    for name in wanted:
        if name not in settings.providers:
            raise ConfigError(
                f"there is no provider {name!r} in {settings.path}",
                f"they are: {', '.join(settings.providers)}",
            )
    clock, entropy = SystemClock(), SystemEntropy()
    async with open_roster(settings, clock, entropy) as roster:

        async def one(name: str) -> dict[str, Any]:
            expected, member = Marker(settings.store, name, b""), roster.member(name)
            # The guard's deadlines and breaker are for a live store; a probe has its own.
            provider = roster.providers.guards[name].inner
            found = await examine(provider, expected, member, clock, entropy)
            return _told(name, whole_url(parse_url(name, settings.providers[name])), found, member)

        return list(await asyncio.gather(*(one(name) for name in dict.fromkeys(wanted))))


def _told(name: str, url: str, found: Examined, member: Member | None) -> dict[str, Any]:
    can = found.capabilities
    return {
        "name": name,
        "url": url,
        "believed": member and {"may_vote": member.votes, "may_hold_data": member.holds_data},
        "measured": can
        and {
            "may_vote": can.may_vote,
            "may_hold_data": can.may_hold_data,
            "reads": can.readable,
            "writes": can.writable,
            "lists": can.listable,
            "deletes": can.deletable,
            "creates_atomically": can.creates_atomically,
            "reasons": list(can.reasons),
            "read_ms": round(1000 * can.round_trip_s, 3),
            "write_ms": round(1000 * can.write_s, 3),
        },
        "troubles": [asdict(trouble) for trouble in found.troubles],
    }


def _marker(marker: Marker | None) -> dict[str, str] | None:
    return None if marker is None else {"store": marker.store.hex(), "provider": marker.provider}


_capabilities = (
    ("may_vote", "may vote"),
    ("may_hold_data", "may hold data"),
    ("writes", "writes"),
    ("reads", "reads"),
    ("lists", "lists"),
    ("deletes", "deletes"),
    ("creates_atomically", "creates, one of 32 at once"),
)


def _tell_probe(one: dict[str, Any]) -> None:
    print_line(f"{one['name']}  {one['url']}")
    measured, believed = one["measured"], one["believed"]
    if measured is not None:
        for key, words in _capabilities:
            belief = f", the store believes {_yes(believed[key])}" if believed and key in believed else ""
            print_line(f"  {words:28} {_yes(measured[key])}{belief}")
        print_line(
            f"  {'a small read, a small write':28} {measured['read_ms']} ms, {measured['write_ms']} ms"
        )
        for reason in measured["reasons"]:
            print_line(f"  not: {reason}")
    if marker := one.get("marker"):
        print_line(f"  belongs to store {marker['store']} as {marker['provider']!r}")
    for trouble in one["troubles"]:
        print_line(f"  BAD {trouble['what']}\n      -> {trouble['remedy']}")
    print_line()


def _yes(value: bool) -> str:
    return "yes" if value else "no"
