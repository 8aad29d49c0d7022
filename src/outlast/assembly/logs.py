"""Log lines: on standard error, one event a line, for people on a terminal and as JSON elsewhere.

A program that has set up `structlog` itself keeps its own way.
"""

import logging
import sys

import structlog


def set_up_logs(level: str = "info") -> None:
    """Send what the parts log, from `level` on, to standard error, unless the program decided otherwise."""
    if structlog.is_configured():
        return
    people = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_to_stderr,
    )


def _to_stderr(*_: object) -> structlog.WriteLogger:
    """A logger for what standard error is now: it may have been replaced since."""
    return structlog.WriteLogger(sys.stderr)
