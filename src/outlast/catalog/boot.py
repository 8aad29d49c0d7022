"""Which run of the machine this is.

The catalog's file is written without fsync. A process that dies loses nothing by that, for the operating
system has what was written. A machine that loses power may keep any part of it, and SQLite cannot always
tell. So a file in use bears the name of the machine's run, and one that bears the name of an earlier run
was in use when the machine stopped: it is thrown away and built anew from the log.
"""

from pathlib import Path

CLOSED = ""
"""The mark of a file that was closed, with fsync."""

UNKNOWN = "unknown"
"""Where the system does not tell. Equal to no mark, so that a file that was not closed is built anew."""


def boot_id(source: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """A name that is new each time the machine starts (Linux), or `UNKNOWN`."""
    try:
        return source.read_text(encoding="ascii").strip() or UNKNOWN
    except OSError:
        return UNKNOWN


def may_have_lost_writes(mark: str, boot: str) -> bool:
    """Whether a file with this mark may lack writes, opened in the run `boot`."""
    return mark != CLOSED and (mark != boot or boot == UNKNOWN)
