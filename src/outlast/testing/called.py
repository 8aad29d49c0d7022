"""Calls a program in this process as from a shell: words and standard input in, its output out."""

import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


class _Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Called:
    """How a program ended."""

    exit_code: int
    stdout: str
    stderr: str
    stdout_bytes: bytes


def call(
    program: Callable[[Sequence[str]], int],
    words: Sequence[str],
    input: bytes = b"",
    environment: Mapping[str, str | None] | None = None,
    terminal: bool = False,
) -> Called:
    """Call `program` with `words` and these variables in addition to the environment's (None: remove it).

    `terminal`: standard input, output, and error claim to be one.
    """
    kind = _Terminal if terminal else io.BytesIO
    streams = [io.TextIOWrapper(kind(data), "utf-8") for data in (input, b"", b"")]
    with _standard_streams(streams), _environment(environment or {}):
        status = program(words)
    for stream in streams[1:]:
        stream.flush()
    _, stdout, stderr = (_written(stream) for stream in streams)
    return Called(status, stdout.decode(errors="replace"), stderr.decode(errors="replace"), stdout)


def _written(stream: io.TextIOWrapper) -> bytes:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


@contextmanager
def _standard_streams(streams: Sequence[io.TextIOWrapper]) -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


@contextmanager
def _environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
