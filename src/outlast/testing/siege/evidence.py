"""What is kept of a siege with findings: all that a person needs to understand it.

`summary.txt` (counts and findings), `options.json`, `events.txt`, `history.jsonl` (an operation a line),
and the log of each gateway.
"""

import json
import shutil
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from outlast.testing.siege.options import SiegeOptions
from outlast.testing.siege.system import BesiegedSystem
from outlast.testing.siege.timeline import SiegeFinding, TimedHistory, Timeline

SHOWN_MAX = 5
"""How many findings of each kind the summary shows."""


def summary(options: SiegeOptions, timeline: Timeline, shown: int = SHOWN_MAX) -> str:
    """Return counts of everything that was done, and what was found."""
    lines = [f"siege: {options}"]
    lines += [f"  {count:>7} {what}" for what, count in sorted(timeline.counts.items())]
    by_kind: dict[str, list[SiegeFinding]] = defaultdict(list)
    for finding in timeline.findings:
        by_kind[finding.kind].append(finding)
    for kind, count in timeline.found.most_common():
        lines.append(f"FOUND {count} times: {kind}")
        lines += [f"  {finding}" for finding in by_kind[kind][:shown]]
    lines.append("nothing was found" if not timeline.found else f"to repeat it: {command(options)}")
    return "\n".join(lines)


def command(options: SiegeOptions) -> str:
    """Return the command that repeats the choices. Processes are not deterministic: try it several times."""
    drawn = asdict(SiegeOptions.draw(options.seed, options.seconds))
    instead = [
        f"--{name}" if value is True else f"--{name} {' '.join(value) if name == 'nemeses' else value}"
        for name, value in asdict(options).items()
        if value != drawn[name]
    ]
    repeat = f"make siege SEED={options.seed} MINUTES={options.seconds / 60:g}"
    return f'{repeat} OPTIONS="{" ".join(instead)}"' if instead else repeat


def keep(folder: Path, system: BesiegedSystem, history: TimedHistory) -> None:
    """Write the evidence into `folder`, replacing that of an earlier siege."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    timeline = system.timeline
    everything = summary(system.options, timeline, len(timeline.findings))
    (folder / "summary.txt").write_text(everything + "\n")
    (folder / "options.json").write_text(system.options.as_json() + "\n")
    events = [f"{at:9.3f} {text}\n" for at, text in timeline.events]
    (folder / "events.txt").write_text("".join(events))
    write_history(folder / "history.jsonl", history)
    for gateway in system.gateways:
        if gateway.log.exists():
            shutil.copy(gateway.log, folder / f"{gateway.name}.log")


def write_history(path: Path, history: TimedHistory) -> None:
    """Write each operation as a line of JSON, with its positions in the order of events and its times."""
    with path.open("w") as file:
        for one in history.operations:
            ended = one.returned
            record = {
                "key": one.key,
                "client": one.client,
                "kind": one.kind,
                "value": one.value,
                "expected": one.expected,
                "seen": one.seen,
                "outcome": one.outcome,
                "events": [one.invoked, ended],
                "at_s": [
                    round(history.at_s(one.invoked), 4),
                    None if ended is None else round(history.at_s(ended), 4),
                ],
            }
            file.write(json.dumps(record) + "\n")
