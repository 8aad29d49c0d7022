"""`outlast drill`: have a provider of the live store fail on purpose, and see whether it goes as promised.

WHAT is named as for `outlast what-if`: a provider, a failure domain (`operator=Amazon`), several of them, or
the id of a real incident, whose phases are then played in less time. The providers themselves are not
touched: every gateway only treats them as failing, because the log says so.

While the drill runs, a canary writes and reads objects of its own and checks them. The drill ends by itself
at the first promise of what-if that is broken, at its end, and when it is interrupted; if this process dies,
however it does, within 12 s. Then the store is repaired, the canary's objects are deleted, and the report is
kept. The exit status is 3 if a promise was broken, and 1 if the drill was ended because another provider
failed.

It does not begin if the store is not healthy, or if more would fail than it tolerates, unless forced.
`--detach` only has the providers fail for a while, without a canary and a report.
"""

import asyncio
import getpass
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from outlast.assembly.settings import load_settings
from outlast.base.clock import SystemClock, unix_ms
from outlast.base.entropy import SystemEntropy
from outlast.base.errors import ConfigError
from outlast.catalog.records import DrillFault, DrillReported, DrillSet
from outlast.cli import FAILED
from outlast.cli.declare import Argument, Option, UsageError
from outlast.cli.interruption import heed
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json, print_line, print_note, print_table
from outlast.cli.scene import site
from outlast.cli.session import run, store_at
from outlast.outages.choice import choose
from outlast.outages.drill.conduct import Drill, DrillPace
from outlast.outages.drill.plan import DrillPlan, plan_incident, plan_shape, played_on, span_s
from outlast.outages.drill.readiness import excess, ill
from outlast.outages.drill.report import as_json, decoded, lines
from outlast.outages.holdings import holdings
from outlast.outages.incidents import Incident, load_incidents
from outlast.outages.model import Domain, domains
from outlast.outages.unwell import unwell
from outlast.outages.what_if import Outage, outage_from, outage_of, what_if
from outlast.providers.wrap.fault import Shape
from outlast.store import Store

# Longer than this is no drill; it can be repeated.
seconds_max = 24 * 3600
shape_s_default = 60.0
incident_s_default = 300.0
pace = DrillPace()

BROKEN = 3
"""The exit status of a drill in which a promise was broken."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What the command line asks for."""

    what: Sequence[str]
    on: Sequence[str]
    shape: Shape
    share: float
    duration_s: float | None
    speed: float | None


def drill(
    what: Annotated[
        list[str] | None,
        Argument(metavar="WHAT", help="Providers or failure domains that fail, or an incident's id."),
    ] = None,
    shape: Annotated[
        Shape, Option(metavar="SHAPE", help=f"How it fails: {', '.join(Shape)}.")
    ] = Shape.REFUSE,
    share: Annotated[float, Option(min=0.001, max=1.0, help="The share of the requests that fails.")] = 1.0,
    minutes: Annotated[
        float | None,
        Option(
            min=0.01, max=seconds_max / 60, help="Duration of the drill; an incident is compressed to it."
        ),
    ] = None,
    seconds: Annotated[int | None, Option(min=1, max=seconds_max, help="Duration in seconds.")] = None,
    speed: Annotated[
        float | None, Option(min=1.0, help="Factor by which an incident is played faster than it was.")
    ] = None,
    on: Annotated[
        list[str] | None,
        Option(
            metavar="WHO",
            help="Play an incident on this provider or failure domain, whether or not it would be hit.",
        ),
    ] = None,
    detach: Annotated[bool, Option("--detach", help="Start the failure and return at once.")] = False,
    stop: Annotated[
        bool, Option("--stop", help="End running drills instead: the named ones, or all.")
    ] = False,
    history: Annotated[bool, Option("--history", help="Show the last drills instead.")] = False,
    force: Annotated[
        bool,
        Option("--force", help="Begin even if the store is not healthy, or tolerates less than would fail."),
    ] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Make providers fail on purpose, at every gateway, and see whether the store keeps its promises."""
    if sum(option is not None for option in (minutes, seconds, speed)) > 1:
        raise UsageError("--minutes, --seconds, --speed: one of them")
    if not what and not stop and not history:
        raise UsageError("name what should fail")
    duration_s = 60 * minutes if minutes else float(seconds) if seconds else None
    order = _Order(what or [], on or [], shape, share, duration_s, speed)

    async def work() -> int:
        async with store_at(config, state_dir) as store:
            await store.catalog.sync()
            if history:
                return _show(store.catalog.state.drill_reports(), json)
            if stop:
                return await _end(store, config, order.what, json)
            plan = _plan(store, config, order)
            if detach:
                return await _begin(store, plan, force, json)
            return await _conduct(store, plan, force, json)

    run(work(), json)


# ---------------------------------------------------------------- the plan


def _plan(store: Store, config: Path, order: _Order) -> DrillPlan:
    """What is to be played. Raises `ConfigError`."""
    incident = _incident(order.what)
    if incident is None:
        outage = outage_of(_chosen(store, config, order.what))
        plan = plan_shape(outage, order.shape, order.duration_s or shape_s_default, order.share)
    else:
        outage = outage_from(incident, store.catalog.state.members())
        if order.on:
            taken = outage_of(_chosen(store, config, order.on))
            outage = played_on(outage, sorted(taken.providers))
        duration_s = order.duration_s or incident_s_default
        plan = plan_incident(incident, outage, span_s(incident) / order.speed if order.speed else duration_s)
    if not plan.providers:
        raise ConfigError(
            f"{plan.name} would hit no provider of this store",
            "name what should fail instead: --on PROVIDER" if incident else "name a provider",
        )
    return plan


def _incident(what: Sequence[str]) -> Incident | None:
    found = [one for one in load_incidents() if [one.id] == [*what]]
    return found[0] if found else None


def _chosen(store: Store, config: Path, what: Sequence[str]) -> list[Domain]:
    chosen = choose(what, domains(store.catalog.state.members(), site(load_settings(config))))
    if not chosen:
        raise ConfigError("nothing is named that could fail", "name a provider or a failure domain")
    return chosen


def _refuse(reasons: Sequence[str], force: bool) -> None:
    if reasons and not force:
        raise ConfigError(
            "; ".join(reasons),
            "wait until all are back and repaired; or say --force to see what happens",
        )


def _in_force(store: Store) -> list[DrillSet]:
    now_ms = unix_ms(SystemClock())
    return [one for one in store.catalog.state.drills() if one.until > now_ms]


# ---------------------------------------------------------------- what is done


async def _conduct(store: Store, plan: DrillPlan, force: bool, json: bool) -> int:
    """The whole drill, in this process."""
    state = store.catalog.state
    now = await unwell(store)
    verdict = what_if(holdings(state, store.quotas.full()), plan.outage, now)
    _refuse([*ill(now, state.counts().degraded, _in_force(store)), *excess(verdict)], force)
    drill = Drill(store, plan, SystemClock(), SystemEntropy(), pace, _tell, _who())
    _stop_when_told(drill)
    report = await drill.run()
    if json:
        print_json(as_json(report))
    else:
        for line in lines(report):
            print_line(line)
    if not report.kept:
        return BROKEN
    return FAILED if report.end == "overtaken" else 0


def _who() -> str:
    """The person who orders it, as every gateway will name them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the user id has no name here
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _tell(text: str) -> None:
    print_note(f"drill: {text}")


def _stop_when_told(drill: Drill) -> None:
    """The first signal ends it in good order; a second one at once, and the faults with their lease."""
    heard: list[int] = []

    def end(number: int) -> None:
        if heard:
            os._exit(128 + number)
        heard.append(number)
        drill.stop()

    heed(end)


async def _begin(store: Store, plan: DrillPlan, force: bool, json: bool) -> int:
    """Have them fail until the time is over, and leave."""
    now = await unwell(store)
    verdict = what_if(holdings(store.catalog.state, store.quotas.full()), plan.outage, now)
    _refuse(excess(verdict), force)
    if len(plan.parts) > 1:
        raise ConfigError("an incident changes over time", "play it without --detach")
    fault = plan.parts[0].fault
    until = unix_ms(SystemClock()) + int(1000 * plan.duration_s)
    faults = (DrillFault(fault.shape, fault.share, fault.reads, fault.writes),)
    by = _who()
    await _order(store, [DrillSet(name, fault.shape, until, faults, by=by) for name in plan.providers])
    if json:
        print_json({"providers": list(plan.providers), "shape": fault.shape, "until_ms": until})
    else:
        print_line(f"{', '.join(plan.providers)}: {fault.shape} for {plan.duration_s:.0f} s")
    return 0


async def _end(store: Store, config: Path, what: Sequence[str], json: bool) -> int:
    """End what fails. A drill that another process conducts ends with that."""
    names = [one.provider for one in _in_force(store)]
    if what:
        outage: Outage = outage_of(_chosen(store, config, what))
        named = outage.providers | outage.maybe
        if idle := sorted(named - set(names)):
            raise ConfigError(
                f"no drill is in force at {', '.join(idle)}",
                f"there is one at {', '.join(names)}" if names else "there is nothing to end",
            )
        names = sorted(named)
    await _order(store, [DrillSet(name, "", 0) for name in names])
    if json:
        print_json({"providers": names, "shape": None})
    else:
        print_line(f"{', '.join(names) or 'nobody'}: drill ended")
    return 0


async def _order(store: Store, drills: Sequence[DrillSet]) -> None:
    await asyncio.gather(*(store.catalog.commit(one) for one in drills))


# ---------------------------------------------------------------- what was


def _show(reports: Sequence[DrillReported], json: bool) -> int:
    if json:
        print_json({"drills": [as_json(decoded(one.report)) for one in reports]})
        return 0
    print_table(
        ("when (UTC)", "what", "providers", "kept", "verdict"),
        [
            (
                datetime.fromtimestamp(one.began / 1000, UTC).strftime("%Y-%m-%d %H:%M"),
                one.what,
                ", ".join(one.providers),
                "yes" if one.kept else "no",
                decoded(one.report).verdict,
            )
            for one in reports
        ],
    )
    return 0
