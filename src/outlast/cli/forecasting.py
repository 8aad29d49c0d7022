"""The answer of `outlast simulate`, for people and as JSON."""

import math
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from outlast.cli.output import print_json, print_line, print_table
from outlast.outages.simulate import (
    Estimate,
    Forecast,
    Measure,
    Rates,
    SharedCause,
    StoreShape,
    causes_of,
    forecast,
    has_spares,
    not_counted,
    unknown_domains,
)

seconds_per_year = 365 * 24 * 3600
# How many causes of failure are named.
causes_told = 3
# What is seldomer than this in a year is certainly seldomer than what is not counted.
credible_min = 1e-6


def print_forecast(layout: StoreShape, rates: Rates, years: int, seed: int, json: bool) -> None:
    """Simulate, and print what was found."""
    found = forecast(layout, rates, years, seed)
    if json:
        print_json({"years": years, "seed": seed, **told(layout, rates, found)})
        return
    print_line(f"{_headline(layout)}\n")
    _tell(found)
    if has_spares(layout):
        _print_wrapped(
            "More providers than fragments: that reads fail means that some objects cannot be read."
        )
    _tell_watched(found, seed)
    _tell_assumptions(layout, rates)


# ---------------------------------------------------------------- JSON


def told(layout: StoreShape, rates: Rates, found: Forecast) -> dict[str, Any]:
    """The forecast as `--json` prints it. Estimates are a year, or shares of time."""
    return {
        "providers": [member.name for member in layout.members],
        "tolerate": layout.policy.tolerate,
        "domain": layout.policy.domain,
        "k": layout.k,
        "m": layout.m,
        "voters": list(layout.voters),
        "reads": _availability(found.reads),
        "writes": _availability(found.writes),
        "data": {
            "losses_a_year": asdict(found.data.outages),
            "mean_years_to_loss": found.data.mttf_years,
            "watched": _watched(found.data),
            "failed_meanwhile": found.data.blame,
        },
        "assumed": [_assumption(cause) for cause in causes_of(layout, rates)],
        "repair": {
            "mean_h": rates.repair.mean_h,
            "repairers": rates.repair.repairers,
            "basis": rates.repair.basis,
            "source": rates.repair.source,
        },
        "unknown": unknown_domains(layout, rates),
        "not_counted": list(not_counted),
    }


def _availability(found: Measure) -> dict[str, Any]:
    assert found.unavailability is not None
    return {
        "unavailability": asdict(found.unavailability),
        "outages_a_year": asdict(found.outages),
        "watched": _watched(found),
        "failed_meanwhile": found.blame,
    }


def _watched(found: Measure) -> dict[str, Any]:
    """What plain sampling alone saw, whatever the figures are from."""
    return {"years": found.years, "events": found.watched.events, "a_year": asdict(found.watched)}


def _assumption(cause: SharedCause) -> dict[str, Any]:
    return {
        "cause": cause.unit.name,
        "a_year": cause.unit.rate,
        "lasts": str(cause.unit.repair),
        "basis": cause.rate.basis,
        "source": cause.rate.source,
    }


# ---------------------------------------------------------------- text


def _headline(layout: StoreShape) -> str:
    kind, f = layout.policy.domain, layout.policy.tolerate
    fragments = f"{layout.k} + {layout.m} fragments" if layout.m else "one copy"
    may = f"any {f} {kind}{'s' if f > 1 else ''} may be lost" if f else "none may be lost"
    return f"{len(layout.members)} providers, {fragments}, {len(layout.voters)} voters: {may}"


def _tell(found: Forecast) -> None:
    assert found.reads.unavailability is not None and found.writes.unavailability is not None
    rows = [
        _row("reads fail, for", found.reads.unavailability, _time),
        _row("  how often", found.reads.outages, _number),
        _row("writes fail, for", found.writes.unavailability, _time),
        _row("  how often", found.writes.outages, _number),
        _row("data are lost", found.data.outages, _number),
    ]
    print_table(("", "a year>", "95 % interval", "seen>", "sampling"), rows)
    print_line()
    ends = (found.reads.unavailability.high, found.writes.unavailability.high, found.data.outages.high)
    reads, writes, data = (_nines(end) for end in ends)
    _print_wrapped(
        f"At the worse ends of these intervals: reads {reads}, writes {writes}, data kept over a year {data}."
    )
    if any(end is not None and end < credible_min for end in ends):
        _print_wrapped(
            f"Below {credible_min:g}, what is not counted (see the end) is likelier than what is: do not rely"
            " on that many nines."
        )
    for what, one in (
        ("reads fail", found.reads),
        ("writes fail", found.writes),
        ("data are lost", found.data),
    ):
        if one.blame:
            _print_wrapped(f"When {what}, among what has failed: {_culprits(one)}.")


def _row(what: str, one: Estimate, text: Callable[[float], str]) -> tuple[str, ...]:
    if one.method == "not simulated":
        return what, "cannot", "by this table", "0", one.method
    seen = f"{one.events:,}"
    if one.value is None:
        interval = "unknown" if one.high is None else f"below {text(one.high)}"
        return what, "not seen", interval, seen, one.method if one.high is None else one.interval
    assert one.high is not None
    return what, text(one.value), f"{text(one.low)} to {text(one.high)}", seen, _sampling(one)


def _sampling(one: Estimate) -> str:
    """How the cycles were drawn, and the kind of interval, where it is not the normal one."""
    return one.method if one.interval == "normal" else f"{one.method}, {one.interval}"


def _time(share: float) -> str:
    """A share of time as the time that it is of a year."""
    seconds = share * seconds_per_year
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s"


def _number(value: float) -> str:
    return f"{value:.3g}"


def _nines(failing: float | None) -> str:
    """A percentage of which no digit is too much: 99.9 %, rounded down to whole nines from the second on."""
    if failing is None:
        return "unknown"
    if failing == 0:
        return "100 % by this table"
    if failing > 0.01:
        return f"{max(0.0, math.floor(1000 * (1 - failing)) / 10):g} %"
    nines = math.floor(-math.log10(failing)) if failing > 0 else 0
    return f"99{'.' if nines > 2 else ''}{'9' * (nines - 2)} %"


def _culprits(one: Measure) -> str:
    first = sorted(one.blame.items(), key=lambda pair: (-pair[1], pair[0]))[:causes_told]
    return ", ".join(f"{name} ({100 * share:.0f} %)" for name, share in first)


def _tell_watched(found: Forecast, seed: int) -> None:
    """What was counted as it came: of what never happened no more is known than that."""
    told = (("reads failed", found.reads), ("writes failed", found.writes), ("data were lost", found.data))
    seen = ", ".join(f"{what} {_seen(one)}" for what, one in told)
    _print_wrapped(f"Simulated plainly (seed {seed}): {seen}.")
    if any(one.outages.method == "failure biasing" for _, one in told):
        _print_wrapped(
            "What that shows too rarely was simulated again, with failures made likely and each history"
            " counted by its likelihood ratio (failure biasing)."
        )


def _seen(one: Measure) -> str:
    if one.watched.method == "not simulated":
        return "in no year, since nothing in the table can do that"
    years = f"in {one.years:,.0f} years"
    if one.watched.events:
        return f"{one.watched.events:,} time{'' if one.watched.events == 1 else 's'} {years}"
    assert one.watched.high is not None
    return f"never {years} (so below {_number(one.watched.high)} a year)"


def _tell_assumptions(layout: StoreShape, rates: Rates) -> None:
    print_line("\nAssumed:\n")
    print_table(("cause", "of>", "a year>", "lasts", "from"), list(_assumed(layout, rates)))
    repair = rates.repair
    print_line()
    _print_wrapped(
        f"Repair: {repair.duration} ({repair.basis}), {repair.repairers} at a time. At the start nothing"
        " is missing. Causes are independent of each other, and as likely at any time."
    )
    for kind, names in unknown_domains(layout, rates).items():
        _print_wrapped(f"Unknown: the {kind} of {', '.join(names)}, so taken to be any of the others'.")
    _print_wrapped(f"Not counted: {'; '.join(not_counted)}.")


def _assumed(layout: StoreShape, rates: Rates) -> Iterator[tuple[str, ...]]:
    """A row for each rate of the table, with how many causes it is of."""
    causes = causes_of(layout, rates)
    for rate in rates.causes:
        count = sum(cause.rate is rate for cause in causes)
        if count:
            yield rate.name, str(count), f"{rate.rate:g}", str(rate.duration or "until repaired"), rate.basis


def _print_wrapped(text: str) -> None:
    print_line(textwrap.fill(text, 79, subsequent_indent="  "))
