"""`python -m outlast.testing.swarm.mutants`: plants known bugs, and counts the seeds that each needs.

For a bug that the swarm finds, this is a number of seeds of one profile, from seed 0 on; one that it does not
reach is found by a test, which must fail with it. Names as arguments: only these. `--table FILE` rewrites the
table of docs/internals/simulator.md.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from outlast.testing.swarm.options import Options, draw
from outlast.testing.swarm.planted import PLANTED, Planted
from outlast.testing.swarm.profiles import PROFILES
from outlast.testing.swarm.run import run

# A bug that this many seeds do not find is not found. A slow seed is given up; the next is cheaper.
seeds_max = 40
steps_max = 400_000
BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"


@dataclass(frozen=True, slots=True)
class MutantVerdict:
    """How a planted bug was found. `seeds`: how many were run, including the one that found it; 0: a test."""

    planted: Planted
    found: bool
    seeds: int = 0
    violation: str = ""
    options: Options | None = None
    """Those of the seed that found it."""

    @property
    def row(self) -> str:
        """Return its line in the table."""
        one = self.planted
        where = f"`{one.test}`" if one.test else f"`{one.profile}`"
        needed = "test" if one.test else str(self.seeds)
        shown = self.violation if self.found else "**not found**"
        return f"| {one.item} | {one.name} | {one.what} | {where} | {needed} | {shown} |"


def find(planted: Planted, first: int = 0, count: int = seeds_max) -> MutantVerdict:
    """Search for the bug with the swarm, or with the named test."""
    if planted.test:
        return _find_by_test(planted)
    with planted.plant():
        for number in range(count):
            options = draw(first + number, PROFILES[planted.profile])
            outcome = run(options, steps_max)
            if outcome.violation in planted.kinds:
                return MutantVerdict(planted, True, number + 1, outcome.violation, options)
    return MutantVerdict(planted, False, count)


def _find_by_test(planted: Planted) -> MutantVerdict:
    """Run the test in a process of its own, into which the bug is planted first."""
    program = (
        "import sys, pytest; from outlast.testing.swarm.planted import PLANTED\n"
        "with PLANTED[sys.argv[1]].plant():\n"
        "    sys.exit(pytest.main([sys.argv[2], '-q', '-x', '-p', 'no:cacheprovider']))"
    )
    command = [sys.executable, "-c", program, planted.name, planted.test]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    failed = next((line for line in ended.stdout.splitlines() if line.startswith("FAILED")), "")
    test = failed.partition("::")[2].split(" ")[0]
    return MutantVerdict(planted, ended.returncode == 1 and bool(test), violation=test)


def table(verdicts: list[MutantVerdict]) -> str:
    """Return the table in Markdown."""
    head = (
        "| item | name | what is wrong with it | looked for in | seeds | found as |",
        "|---|---|---|---|---|---|",
    )
    return "\n".join([*head, *(verdict.row for verdict in verdicts)])


def write_table(page: Path, verdicts: list[MutantVerdict]) -> None:
    """Put the table between the marks of the page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{table(verdicts)}\n{END}{after}", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Return 0 if every bug was found."""
    parser = argparse.ArgumentParser(prog="python -m outlast.testing.swarm.mutants")
    parser.add_argument("names", nargs="*", help=", ".join(PLANTED))
    parser.add_argument("--table", type=Path, help="write the table into this page")
    chosen = parser.parse_args(arguments)
    verdicts: list[MutantVerdict] = []
    for name in chosen.names or PLANTED:
        verdicts.append(find(PLANTED[name]))
        sys.stdout.write(verdicts[-1].row + "\n")
        sys.stdout.flush()
    if chosen.table is not None:
        write_table(chosen.table, verdicts)
    return 0 if all(verdict.found for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
