"""`outlast what-if`: what happens if a provider, or what several of them share, fails.

WHAT is a provider's name, a failure domain such as `operator=Amazon`, or a name that implies one (`amazon`,
`aws`); several fail together. Without it, each known failure domain is examined, one at a time.

The answer is computed from where data really is, not from what the policy wants; nothing is touched.
A provider that is not healthy at the moment counts as away, too (`--well`: assume that all are). What is
not known is reported as `unknown`, with the best and the worst case. `docs/guide/what-if.md` explains each
answer.

The verdicts, from the best: `nothing`, `redundancy-less` (no request fails, and less may fail after it),
`write-loss`, `read-loss`, `data-loss`, `unknown`. With `--fail-if` the exit status is 3 if one of them is as
bad as that, or may be. The key file's loss counts only if it is named: copies of it are not known here.
"""

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from outlast.base.errors import ConfigError
from outlast.cli.declare import Argument, Option, UsageError
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json, print_line
from outlast.cli.scene import Scene, look
from outlast.cli.session import run
from outlast.cli.what_if_output import markdown, print_answer, print_answers, print_legend
from outlast.outages.answer import Answer, as_json
from outlast.outages.choice import choose
from outlast.outages.incidents import incident as incident_of
from outlast.outages.incidents import load_incidents
from outlast.outages.outcome import SUMMARIES
from outlast.outages.what_if import Manner, Outage, any_of, at_least, outage_from, outage_of

TOO_BAD = 3
"""The exit status of `--fail-if`: not 1, so that a script can tell a bad answer from none."""


class FailLevel(StrEnum):
    """What `--fail-if` takes."""

    DATA = "data-loss"
    READ = "read-loss"
    WRITE = "write-loss"


def what_if(
    what: Annotated[
        list[str] | None,
        Argument(metavar="WHAT", help="Providers or failure domains that fail, all at once."),
    ] = None,
    any_: Annotated[
        int | None,
        Option("--any", metavar="N", min=2, max=3, help="Examine every choice of N failure domains."),
    ] = None,
    lost: Annotated[
        bool, Option("--lost", help="Assume that what fails never returns, and its data is lost.")
    ] = False,
    well: Annotated[bool, Option("--well", help="Assume that all providers are healthy now.")] = False,
    incident: Annotated[
        str | None, Option("--incident", metavar="ID", help="A real incident happens again.")
    ] = None,
    incidents: Annotated[bool, Option("--incidents", help="Each real incident happens again.")] = False,
    repair_rate: Annotated[
        float | None,
        Option("--repair-rate", metavar="MIB/S", min=0.001, help="How fast a repair is."),
    ] = None,
    measure: Annotated[
        bool, Option("--measure", help="Measure the repair rate: write and read 4 MiB at each provider.")
    ] = False,
    prices: Annotated[
        Path | None, Option(metavar="FILE", help="Prices of reads (docs/reference/prices.toml).")
    ] = None,
    fail_if: Annotated[
        FailLevel | None,
        Option(
            "--fail-if",
            metavar="VERDICT",
            help=f"Exit with status 3 if a verdict is this bad or worse: {', '.join(FailLevel)}.",
        ),
    ] = None,
    allow_unknown: Annotated[
        bool, Option("--allow-unknown", help="Use the best case of what is unknown for --fail-if.")
    ] = False,
    as_markdown: Annotated[bool, Option("--markdown", help="Print a table in Markdown.")] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Show what would happen to reads, writes and data if something failed, and what to do about it."""
    if sum(map(bool, (what, any_, incident, incidents))) > 1:
        raise UsageError("name what fails, or --any, or --incident, or --incidents: one of them")
    manner: Manner = "lost" if lost else "unreachable"

    def draw(scene: Scene) -> list[Outage]:
        if incident:
            return [outage_from(incident_of(incident), scene.store.members)]
        if incidents:
            return [outage_from(one, scene.store.members) for one in load_incidents()]
        return _outages(scene, what or [], any_, manner)

    async def work() -> int:
        scene = await look(config, state_dir, well, repair_rate, measure, prices)
        answers = _answers(scene, draw(scene), worst_first=any_ is not None)
        if json:
            print_json(_json(scene, answers, incidents))
        elif as_markdown:
            print_line(markdown(answers))
        elif what or incident:
            print_answer(answers[0], scene.store, scene.bytes_per_s)
        else:
            print_answers(answers, "if this recurs" if incidents else "if this fails")
            print_legend(scene.store, None if incidents else manner, scene.now)
        return TOO_BAD if fail_if and _too_bad(answers, fail_if, allow_unknown, bool(what)) else 0

    run(work(), json)


def _outages(scene: Scene, what: Sequence[str], any_: int | None, manner: Manner) -> list[Outage]:
    known = scene.domains()
    if what:
        chosen = choose(what, known)
        if not chosen:
            raise ConfigError("nothing is named that could fail", "name a provider or a failure domain")
        return [outage_of(chosen, manner)]
    if any_ is not None:
        return any_of(known, any_, manner)
    return [outage_of([domain], manner) for domain in known]


def _answers(scene: Scene, outages: Sequence[Outage], worst_first: bool) -> list[Answer]:
    answers = [scene.answer(outage) for outage in outages]
    if worst_first:
        answers.sort(key=lambda answer: SUMMARIES.index(answer.verdict.summary), reverse=True)
    return answers


def _json(scene: Scene, answers: Sequence[Answer], incidents: bool) -> dict[str, Any]:
    verdicts = [as_json(answer, scene.bytes_per_s) for answer in answers]
    return {
        "tolerate": scene.store.policy.tolerate,
        "domain": scene.store.policy.domain,
        "not_well": dict(scene.now),
        "quota_used_up": sorted(scene.store.full),
        **asdict(scene.store.total),
        **(
            {"incidents": [{"id": one.pop("what"), **one} for one in verdicts]}
            if incidents
            else {"verdicts": verdicts}
        ),
    }


def _too_bad(answers: Sequence[Answer], level: FailLevel, allow_unknown: bool, named: bool) -> bool:
    for answer in answers:
        verdict = answer.verdict
        if verdict.outage.kinds == ("key",) and not named:
            continue  # see the module's docstring
        worst = verdict.least if allow_unknown else verdict.most
        if at_least(worst.summary, level.value):
            return True
    return False
