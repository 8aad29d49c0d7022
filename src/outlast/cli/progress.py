"""What a copy has done so far, counted and, on a terminal, shown."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outlast.cli.output import bytes_text, print_note

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass(slots=True)
class TransferTally:
    """Files and bytes: copied, left as they were because they are there already, and failed, with why."""

    copied: int = 0
    spared: int = 0
    bytes: int = 0
    failures: list[str] = field(default_factory=list)
    dry_run: bool = False
    """Nothing is copied, only counted."""
    display: "Progress | None" = None

    def move(self, count: int) -> None:
        """`count` bytes have passed."""
        self.bytes += count
        if self.display is not None:
            self.display.update(self.display.task_ids[0], completed=self.bytes, files=self.copied)

    def rehearse(self, what: str, size: int) -> None:
        """One file would be copied."""
        self.copied += 1
        self.bytes += size
        print_note(f"would copy {what} ({bytes_text(size)})")

    def fail(self, what: str, why: str) -> None:
        """One file could not be copied; the others go on."""
        self.failures.append(f"{what}: {why}")
        print_note(f"outlast: {what}: {why}")


@contextmanager
def shown(tally: TransferTally, quiet: bool) -> Iterator[None]:
    """Show on standard error how the tally moves while the block runs, if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    # Here: it costs each command a tenth of its start, and few show anything.
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

    columns = (TextColumn("{task.fields[files]} files"), TransferSpeedColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        display.add_task("copy", total=None, files=0)
        tally.display = display
        yield
