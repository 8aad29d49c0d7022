"""One seed: its options run, with the marks that it reached, what it cost, and a report if it failed."""

import traceback
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from outlast.base.marks import counting
from outlast.base.points import visiting
from outlast.testing.checkers import Violation
from outlast.testing.simulation import Overrun, Simulation, simulate
from outlast.testing.swarm.log_world import LogWorld
from outlast.testing.swarm.options import Options, turned
from outlast.testing.swarm.store_world import StoreWorld

# A run with more callbacks than this (half a minute) does not end, or costs more than it is worth.
steps_max = 2_000_000


@dataclass(slots=True)
class RunOutcome:
    """How a run ended. `violation`: "" or its kind; `detail`: its message."""

    options: Options
    violation: str = ""
    detail: str = ""
    marks: Counter[str] = field(default_factory=Counter)
    fingerprint: int = 0
    steps: int = 0
    virtual_s: float = 0.0
    trace: list[str] = field(default_factory=list)
    traceback: str = ""

    def report(self) -> str:
        """Return a report for a person: the options, what happened when, and what was wrong."""
        head = f"seed {self.options.seed}: {self.violation}: {self.detail}"
        return "\n".join([head, repr(self.options), *self.trace, self.traceback, head])


def run(options: Options, steps: int = steps_max) -> RunOutcome:
    """Run the options' world, for at most `steps` callbacks; never raises for what the run found."""
    outcome = RunOutcome(options)

    async def main(sim: Simulation) -> None:
        world = _world(sim, options, Path(folder))
        try:
            with visiting(world.visit_point):
                await world.run()
        finally:
            outcome.fingerprint, outcome.steps = sim.fingerprint, sim.steps
            outcome.virtual_s = sim.clock.monotonic()
            notes = ((at, " ".join(map(str, what))) for at, what in sim.trace)
            outcome.trace = _in_order(notes, world.checkers.writes)

    with (
        counting() as marks,
        turned(dict(options.knobs)),
        TemporaryDirectory(prefix="simulated-") as folder,
    ):
        try:
            simulate(options.seed, main, steps_max=steps)
        except Violation as violation:
            outcome.violation, outcome.detail = violation.kind, str(violation)
        except Overrun as error:
            outcome.violation, outcome.detail = "overrun", str(error)
        except BaseException as error:
            outcome.violation, outcome.detail = "error", repr(error)
            outcome.traceback = "".join(traceback.format_exception(error))
    outcome.marks = marks
    outcome.fingerprint = zlib.crc32(repr(sorted(marks.items())).encode(), outcome.fingerprint)
    return outcome


def _world(sim: Simulation, options: Options, folder: Path) -> LogWorld | StoreWorld:
    return LogWorld(sim, options) if options.world == "log" else StoreWorld(sim, options, folder)


def _in_order(*traces: Iterable[tuple[float, str]]) -> list[str]:
    lines = sorted((line for trace in traces for line in trace), key=lambda line: line[0])
    return [f"{at:12.4f} {what}" for at, what in lines]
