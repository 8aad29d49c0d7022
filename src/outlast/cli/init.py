"""`outlast init`: make a store over some providers.

It measures what each provider can do, says so, and refuses a set that cannot keep the tolerance, with
the reason and a remedy.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

from outlast.assembly.create import Files, Plan, create_store, plan_store
from outlast.assembly.survey import Surveyed, close_all, survey
from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.base.errors import ConfigError
from outlast.cli.declare import Option, UsageError
from outlast.cli.options import DEFAULT_CONFIG, Config, Json
from outlast.cli.output import print_json, print_line, print_table
from outlast.cli.progress import told_while_slow
from outlast.cli.session import run
from outlast.coding.keys import MasterKey
from outlast.placement.members import Acknowledge, DomainKind, Policy
from outlast.providers.registry import parse_url


def init(
    provider: Annotated[
        list[str],
        Option(
            "--provider",
            "-p",
            metavar="NAME=URL",
            help="One provider; repeat for each: 'attic=file:///srv/attic?operator=Home&role=witness'",
        ),
    ],
    tolerate: Annotated[int, Option(help="How many failure domains (see --domain) may be lost at once.")] = 1,
    domain: Annotated[
        DomainKind,
        Option(help="Kind of failure domain that --tolerate counts. Two providers in one domain count once."),
    ] = "operator",
    acknowledge: Annotated[
        Acknowledge,
        Option(
            help="When a large write is answered: once all of its fragments are durable, or early, once it "
            "can be read. Early is quicker, and such an object may be lost with the next provider."
        ),
    ] = "all",
    key_file: Annotated[
        Path | None,
        Option(
            help="Path of the key file, which will hold the master key.",
            show_default="outlast.key next to the config",
        ),
    ] = None,
    lock: Annotated[
        bool,
        Option("--lock", help="Lock the key file by a passphrase (OUTLAST_PASSPHRASE, or asked for)."),
    ] = False,
    recovery_sheet: Annotated[
        bool, Option("--recovery-sheet", help="Print the master key too, to be kept on paper.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Make a store: probe the providers, write outlast.toml and the key file."""
    urls = parse_providers(provider)
    files = Files(config, key_file or config.with_name("outlast.key"), _passphrase() if lock else "")

    async def work() -> None:
        clock, entropy = SystemClock(), SystemEntropy()
        _refuse_memory(urls)
        waiting: set[str] = set()
        with told_while_slow(
            lambda: f"waiting for {', '.join(sorted(waiting)) or 'the providers'}", quiet=json
        ):
            surveyed = await survey(urls, clock, entropy, waiting)
        try:
            plan = plan_store(surveyed, Policy(tolerate, domain, acknowledge), entropy)
            if not json:
                _tell_survey(surveyed)
            _refuse_problems(plan)
            master = await create_store(plan, surveyed, files, clock, entropy)
        finally:
            await close_all([one.provider for one in surveyed])
        sheet = master.sheet() if recovery_sheet else None
        if json:
            print_json(_told(plan, surveyed, files, master, sheet))
        else:
            _tell_made(plan, files, sheet)

    run(
        work(),
        json,
        lambda: "interrupted: no store was made, and what was written is deleted again",
    )


def parse_providers(providers: Sequence[str]) -> dict[str, str]:
    """`NAME=URL` arguments as URLs by name. Usage error for anything else."""
    urls: dict[str, str] = {}
    for text in providers:
        name, equals, url = text.partition("=")
        if not equals or not url:
            raise UsageError(f"{text!r} is not NAME=URL")
        if name in urls:
            raise UsageError(f"the name {name!r} is given twice")
        urls[name] = url
    return urls


def _refuse_memory(urls: Mapping[str, str]) -> None:
    for name, url in urls.items():
        if parse_url(name, url).url.startswith("memory:"):
            raise ConfigError(
                f"provider {name}: {url} is the memory of this command, which is about to end",
                "name a place that stays, for example file:///srv/attic",
            )


def _passphrase() -> str:
    if given := os.environ.get("OUTLAST_PASSPHRASE", ""):
        return given
    typed, again = _typed("Passphrase for the key file: "), _typed("The same again: ")
    if not typed or typed != again:
        raise UsageError("the passphrase is empty, or was not typed twice the same")
    return typed


def _typed(prompt: str) -> str:
    """A line of standard input, unseen if that is a terminal."""
    return getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _tell_survey(surveyed: Sequence[Surveyed]) -> None:
    print_table(
        ("provider", "operator", "votes", "holds data", "why not"),
        [
            (
                one.name,
                str(one.location.domains.get("operator", "")),
                "yes" if one.votes else "no",
                "yes" if one.holds_data else "no",
                "; ".join(one.why_not),
            )
            for one in surveyed
        ],
    )


def _refuse_problems(plan: Plan) -> None:
    if plan.problems:
        raise ConfigError(
            "this set of providers cannot keep the tolerance: "
            + "; ".join(problem.what for problem in plan.problems),
            "; ".join(problem.remedy for problem in plan.problems),
        )


def _told(
    plan: Plan, surveyed: Sequence[Surveyed], files: Files, master: MasterKey, sheet: str | None
) -> dict[str, Any]:
    return {
        "store": plan.store.hex(),
        "config": str(files.config),
        "key_file": str(files.key),
        "key_id": master.id,
        "tolerate": plan.policy.tolerate,
        "domain": plan.policy.domain,
        "acknowledge": plan.policy.acknowledge,
        "voters": list(plan.voters),
        "layout": {"data": plan.layout[0], "parity": plan.layout[1]},
        "providers": [
            {
                "name": one.name,
                "url": one.url,
                "domains": dict(one.location.domains),
                "votes": one.votes,
                "holds_data": one.holds_data,
                "reasons": list(one.why_not),
            }
            for one in surveyed
        ],
        **({"recovery_sheet": sheet} if sheet else {}),
    }


def _tell_made(plan: Plan, files: Files, sheet: str | None) -> None:
    (k, m), policy = plan.layout, plan.policy
    print_line(
        f"\nmade store {plan.store.hex()}: any {policy.tolerate} of its {policy.domain}s may be lost"
        f"\n  large objects: {k} + {m} fragments, any {k} of which suffice; the log: {', '.join(plan.voters)}"
        f"\n  settings  {files.config}"
        f"\n  key file  {files.key}: keep copies of it in safe places; without it everything is lost"
    )
    if sheet:
        print_line(f"\n{sheet}")
    print_line("\nnext: outlast key create NAME, then outlast serve")
