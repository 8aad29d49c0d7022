"""Identifies the machine's current boot.

The catalog's file is written without fsync. A process that dies loses nothing by that, because the operating
system has what was written. A machine that loses power may keep any part of it, and SQLite cannot always
detect that. So a file in use carries the machine's boot id. A file with the id of an earlier boot was in use
when the machine stopped: it is discarded and rebuilt from the log.
"""

from pathlib import Path

CLOSED = ""
"""The mark of a file that was closed after an fsync."""

UNKNOWN = "unknown"
"""Where the system has no boot id. It matches no mark, so a file that was not closed is rebuilt."""


def boot_id(source: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """An id that changes each time the machine starts (Linux), or `UNKNOWN`."""
    try:
        return source.read_text(encoding="ascii").strip() or UNKNOWN
    except OSError:
        return UNKNOWN


def may_have_lost_writes(mark: str, boot: str) -> bool:
    """Whether a file with this mark may lack writes when it is opened in the boot `boot`."""
    return mark != CLOSED and (mark != boot or boot == UNKNOWN)
