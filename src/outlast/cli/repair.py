"""`outlast repair`: give providers back what they lost.

It can be stopped at any time and repeated: what has been restored is recorded piece by piece. The exit status
is 1 if anything is still missing, damaged or out of reach, and what stands in the way is printed.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from outlast.cli import FAILED
from outlast.cli.declare import Option
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import bytes_text, count_text, print_json, print_line, print_note
from outlast.cli.session import run, store_at
from outlast.maintenance.repair import Progress as Told
from outlast.maintenance.repair import RepairReport
from outlast.maintenance.repair import repair as repair_store
from outlast.providers.trouble import Trouble
from outlast.store import ProviderStatus


def repair(
    quick: Annotated[
        bool,
        Option(
            "--quick",
            help="Compare fragments' sizes instead of reading them, and skip the logs of healthy voters.",
        ),
    ] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Restore missing and damaged fragments and logs from what the other providers hold."""

    async def work() -> int:
        async with store_at(config, state_dir) as store:
            with _shown(quiet=json) as told:
                report = await repair_store(store, verify=not quick, progress=told)
            found = await store.status()
        obstacles = [one for one in found.providers if one.state != "healthy" or one.troubles]
        if json:
            print_json(asdict(report) | {"obstacles": list(map(_obstacle, obstacles))})
        else:
            _tell(report, obstacles)
        unfinished = report.degraded or report.unreachable or report.unreadable or report.problems
        return FAILED if unfinished else 0

    run(work(), json, lambda: "interrupted: what was restored is kept; the same command goes on from there")


@contextmanager
def _shown(quiet: bool) -> Iterator[Told]:
    """A callback that shows how far the repair is, if standard error is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda report: None
        return
    from rich.console import Console  # here, as in `progress`
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("extents"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task("repair", total=None)
        yield lambda report: display.update(task, total=report.total or None, completed=report.extents)


def _obstacle(one: ProviderStatus) -> dict[str, Any]:
    """A provider that is away or in trouble: why it may not have been given what it lacks."""
    return {"name": one.name, "state": one.state, "troubles": [asdict(trouble) for trouble in one.troubles]}


def _tell(report: RepairReport, obstacles: Sequence[ProviderStatus]) -> None:
    lines: list[tuple[str, Any]] = [
        (
            "looked at",
            f"{count_text(report.fragments, 'fragment')} of {count_text(report.extents, 'extent')}",
        ),
        ("missing, damaged", f"{report.missing}, {report.bad}"),
        ("restored", f"{count_text(report.restored, 'fragment')}, {bytes_text(report.bytes)}"),
        ("log", f"{count_text(report.slots, 'slot')} given back"),
    ]
    if report.reattached:
        lines.append(("taken back", ", ".join(report.reattached)))
    if report.unreachable:
        lines.append(("out of reach", count_text(report.unreachable, "fragment")))
    if report.degraded:
        lines.append(("still degraded", count_text(report.degraded, "extent")))
    if report.unreadable:
        lines.append(("LOST", f"{count_text(report.unreadable, 'extent')}: too few fragments are left"))
    for name, value in lines:
        print_line(f"{name:17} {value}")
    troubles = {
        f"{one.name}: {trouble.what}": trouble.remedy
        for one in obstacles
        for trouble in one.troubles or (_unexplained(one),)
    }
    for problem in report.problems:
        if problem not in troubles:
            print_note(f"outlast: {problem}")
    for what, remedy in troubles.items():
        print_note(f"{what}\n  -> {remedy}")
    if report.degraded or report.unreachable:
        again = "once that is done" if obstacles else "now: providers failed meanwhile and answer again"
        print_note(f"what is missing is restored by running gateways, or by `outlast repair`, {again}")


def _unexplained(one: ProviderStatus) -> Trouble:
    remedy = "name it in outlast.toml" if one.state == "unconfigured" else "see: outlast doctor"
    return Trouble(one.state, f"it is {one.state}", remedy)
