"""`outlast report`: all answers in one document, for readers who were not there.

Where data is stored, what every bad day does, what to do about it, what real incidents would do, what was
drilled, and how each figure was obtained: the same figures as `outlast what-if`, taken at one moment. It is
printed as tables, or as JSON or Markdown; `--html` writes one self-contained page, `--sarif` a file for CI
(SARIF 2.1.0), in which each failure domain whose loss would be noticed points at its line in `outlast.toml`.
"""

import os
import sys
from importlib import metadata
from json import dumps
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from outlast.assembly.settings import provider_lines
from outlast.base.errors import ConfigError
from outlast.cli.declare import Option, UsageError
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json, print_line
from outlast.cli.report_output import print_report, print_short
from outlast.cli.scene import Scene, look
from outlast.cli.session import run
from outlast.outages.incidents import load_incidents
from outlast.outages.report.contents import RateFrom, Report, View, report_of
from outlast.outages.report.data import report_json
from outlast.outages.report.drills import past_drill
from outlast.outages.report.markdown import report_markdown
from outlast.outages.report.page import html_page
from outlast.outages.report.sarif import report_sarif
from outlast.outages.what_if import Manner, outage_from, outage_of

STANDARD_OUTPUT = Path("-")


def report(
    html: Annotated[
        Path | None, Option("--html", metavar="FILE", help="Write one HTML page (-: print it).")
    ] = None,
    sarif: Annotated[
        Path | None, Option("--sarif", metavar="FILE", help="Write SARIF 2.1.0 for CI (-: print it).")
    ] = None,
    as_markdown: Annotated[bool, Option("--markdown", help="Print it in Markdown.")] = False,
    lost: Annotated[
        bool, Option("--lost", help="Assume that what fails never returns, and its data is lost.")
    ] = False,
    well: Annotated[bool, Option("--well", help="Assume that all providers are healthy now.")] = False,
    repair_rate: Annotated[
        float | None,
        Option("--repair-rate", metavar="MIB/S", min=0.001, help="How fast a repair is."),
    ] = None,
    measure: Annotated[
        bool, Option("--measure", help="Measure that: 4 MiB to each provider, and back.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Report what a bad day does to the store: as tables, a page, JSON, Markdown, or SARIF."""
    printed = [bool(json), as_markdown, html == STANDARD_OUTPUT, sarif == STANDARD_OUTPUT]
    if sum(printed) > 1:
        raise UsageError("one thing can be printed: --json, --markdown, --html - or --sarif -")
    rate_from: RateFrom = "given" if repair_rate else "measured" if measure else "not known"

    async def work() -> None:
        scene = await look(config, state_dir, well, repair_rate, measure)
        found = _report(scene, "lost" if lost else "unreachable", not well, rate_from)
        if html is not None:
            _put(html, html_page(found))
        if sarif is not None:
            lines = provider_lines(config.read_text(encoding="utf-8"))
            _put(sarif, dumps(report_sarif(found, _uri(config), lines), indent=2) + "\n")
        if json:
            print_json(report_json(found))
        elif as_markdown:
            print_line(report_markdown(found))
        elif html is None and sarif is None:
            print_report(found)
        elif not any(printed):
            print_short(found)

    run(work(), json)


def _report(scene: Scene, manner: Manner, asked: bool, rate_from: RateFrom) -> Report:
    view = View(
        at=scene.looked_at,
        slot=scene.slot,
        newest=scene.newest,
        asked=asked,
        host=scene.site.host,
        version=metadata.version("outlast"),
        bytes_per_s=scene.bytes_per_s,
        rate_from=rate_from,
    )
    answers = [scene.answer(outage_of([domain], manner)) for domain in scene.domains()]
    incidents = [(one, scene.answer(outage_from(one, scene.store.members))) for one in load_incidents()]
    drills = [past_drill(one) for one in scene.drills]
    return report_of(view, scene.store, scene.now, answers, incidents, drills)


def _put(path: Path, text: str) -> None:
    """Print it, or write it to a file. Raises `ConfigError`."""
    if path == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}", "name another file") from error


def _uri(config: Path) -> str:
    """The settings file as SARIF names it: from here if it is below, as CI wants it."""
    path = Path(os.path.relpath(config))
    return config.absolute().as_uri() if path.parts[:1] == ("..",) else quote(path.as_posix())
