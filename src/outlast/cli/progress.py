"""Long work says how far it is: what a copy has done, how much is left, and who is waited for."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outlast.cli.output import bytes_text, count_text, print_note

if TYPE_CHECKING:
    from rich.progress import Progress

# What takes longer is talked about.
slow_s = 3.0


@dataclass(slots=True)
class TransferTally:
    """Files and bytes: copied, left as they were because they are there already, and failed, with why."""

    copied: int = 0
    spared: int = 0
    bytes: int = 0
    failures: list[str] = field(default_factory=list)
    dry_run: bool = False
    """Nothing is copied, only counted."""
    spared_bytes: int = 0
    expected: tuple[int, int] | None = None
    """Files and bytes of all that is to be copied or spared; None while that is not known."""
    display: "Progress | None" = None

    def move(self, count: int) -> None:
        """`count` bytes have passed."""
        self.bytes += count
        self._show()

    def spare(self, size: int) -> None:
        """A file of this size was there already."""
        self.spared += 1
        self.spared_bytes += size
        self._show()

    def finish(self) -> None:
        """One file is copied."""
        self.copied += 1
        self._show()

    def expect(self, files: int, size: int) -> None:
        """This is all that there is to do."""
        self.expected = files, size
        self._show()

    def _show(self) -> None:
        if self.display is not None:
            files, size = self.expected or (None, None)
            done = self.copied + self.spared + len(self.failures)
            self.display.update(
                self.display.task_ids[0],
                total=size,
                completed=self.bytes + self.spared_bytes,
                files=f"{done} of {count_text(files, 'file')}" if files else count_text(done, "file"),
            )

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
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.fields[files]}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        display.add_task("copy", total=None, files="0 files")
        tally.display = display
        tally._show()
        yield


@contextmanager
def told_while_slow(text: Callable[[], str], quiet: bool) -> Iterator[None]:
    """Print `text()` every few seconds while the block runs, so that waiting does not look like hanging."""
    if quiet:
        yield
        return
    loop = asyncio.get_running_loop()

    def tell() -> None:
        print_note(text())
        timers.append(loop.call_later(slow_s, tell))

    timers = [loop.call_later(slow_s, tell)]
    try:
        yield
    finally:
        timers[-1].cancel()
