"""`outlast repair`: give providers back what they lost.

It can be stopped at any time and repeated: what has been restored is recorded piece by piece.
"""

import sys
from collections.abc import Iterator
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


def repair(
    quick: Annotated[
        bool,
        Option("--quick", help="Only ask for the fragments' sizes instead of reading and checking them."),
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
        if json:
            print_json(asdict(report))
        else:
            _tell(report)
        return FAILED if report.degraded or report.unreadable or report.problems else 0

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


def _tell(report: RepairReport) -> None:
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
        told = f"{count_text(report.degraded, 'extent')}: repeat when all providers answer"
        lines.append(("still degraded", told))
    if report.unreadable:
        lines.append(("LOST", f"{count_text(report.unreadable, 'extent')}: too few fragments are left"))
    for name, value in lines:
        print_line(f"{name:17} {value}")
    for problem in report.problems:
        print_note(f"outlast: {problem}")
