"""`outlast collect`: free the space of what was deleted or overwritten.

A deleted object's fragments stay in place for a while, for reads that have not finished; this command
removes fragments that have been unused for `--grace` seconds. It does not trust clocks for that: a gateway
that has run for that long since the deletion records it. With 1200 or more, fragments that longer reads (up
to a week) still need are kept, too. If no gateway runs, make sure that no client reads, and use `--grace 0`.
Small objects (up to 128 KiB) travel inside the log and free no space yet: this version never truncates the
log.
"""

from dataclasses import asdict
from typing import Annotated

from outlast.cli.declare import Option
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import count_text, print_json, print_line
from outlast.cli.session import run, store_at
from outlast.maintenance.collect import collect as collect_dead
from outlast.maintenance.collect import grace_s_default


def collect(
    grace: Annotated[
        float, Option(min=0, metavar="SECONDS", help="Keep fragments that were in use in the last SECONDS.")
    ] = grace_s_default,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Delete the fragments that no object refers to any more."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            report = await collect_dead(store, grace)
        if json:
            print_json(asdict(report))
            return
        print_line(f"freed the fragments of {count_text(report.extents, 'extent')}")
        if report.left:
            print_line(f"{count_text(report.left, 'extent')} left, because a provider is away")
        if report.waiting:
            left = count_text(report.waiting, "extent")
            print_line(
                f"{left} left: no gateway has seen {grace:.0f} s pass since then, or somebody still reads"
            )

    run(work(), json, lambda: "interrupted: what was freed stays so; the same command frees the rest")
