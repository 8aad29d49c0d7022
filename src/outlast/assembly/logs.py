"""Log lines: on standard error, one event a line, readable on a terminal and as JSON elsewhere.

A program that has configured `structlog` itself keeps its configuration.
"""

import logging
import sys

import structlog


def set_up_logs(level: str = "info") -> None:
    """Send log lines from `level` on to standard error, unless the program has configured logging itself."""
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
    """Return a logger for the current standard error: it may have been replaced since."""
    return structlog.WriteLogger(sys.stderr)
