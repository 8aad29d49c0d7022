"""How a command ends: by a signal, by a reader that has gone, by an error that nobody foresaw."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from outlast.base import errors
from outlast.cli.output import bytes_text, count_text, message_of
from outlast.cli.remedies import remedy_for


@contextmanager
def running(shell: Any, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "OUTLAST_CONFIG": str(shell.config),
        "OUTLAST_STATE_DIR": str(shell.folder / "state"),
    }
    environment.pop("PYTHONUNBUFFERED", None)  # what it says must come out without that
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "outlast", *arguments]
    process = subprocess.Popen(
        command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, preexec_fn=_heed_interrupts
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _heed_interrupts() -> None:
    """Whoever is started in the background by a script ignores them, and so would what we start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def has_opened(process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Whether it has the local catalog below `folder` open. (To try its lock would be to take it away.)"""
    for descriptor in Path(f"/proc/{process.pid}/fd").glob("*"):
        with suppress(FileNotFoundError):  # closed meanwhile
            opened = descriptor.readlink()
            if opened.is_relative_to(folder) and opened.name.startswith("catalog"):
                return True
    return False


def test_interrupted_while_it_waits_for_input_it_ends_at_once_and_stores_nothing(bucket: Any) -> None:
    with running(bucket, "cp", "-", "outlast://bucket/key") as process:
        assert process.stdin is not None
        process.stdin.write(bytes(100))
        process.stdin.flush()
        while not has_opened(process, bucket.folder / "state"):
            assert process.poll() is None  # it is starting
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"outlast: interrupted: nothing was copied\n"
    assert bucket.json("ls", "bucket/") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_interrupted_it_says_what_was_done_and_how_to_go_on(
    bucket: Any, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for count in range(3000):
        (folder / f"{count:04d}").write_bytes(b"x")
    with running(bucket, "cp", "-r", str(folder), "outlast://bucket/") as process:
        while len(bucket.json("ls", "bucket/")) < 50:
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(20) == 128 + number
        assert process.stderr is not None
        said = process.stderr.read().decode()
    assert re.fullmatch(
        r"outlast: interrupted: copied \d+ files, .* (?:B|KiB); the same command goes on from there\n", said
    )


def test_interrupted_while_it_is_loaded_it_shows_no_traceback(shell: Any) -> None:
    """From the first line of ours on; what Python itself does before is not ours to change."""
    program = (
        "import sys, os, signal, threading;"
        "import outlast.cli.start as start;"
        "sys.meta_path.insert(0, type('', (), {'find_spec': lambda self, name, *_:"
        " os.kill(os.getpid(), signal.SIGINT) if name == 'outlast.cli.session' else None})());"
        "sys.argv = ['outlast', 'ls']; start.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, preexec_fn=_heed_interrupts
    )
    assert done.returncode == 130
    assert done.stderr == b"outlast: interrupted before anything was done\n"


def test_a_reader_that_goes_early_gets_no_complaint(bucket: Any) -> None:
    bucket.ok("cp", "-", "outlast://bucket/key", input=bytes(8 << 20))
    with running(bucket, "cat", "bucket/key") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(20) == 1
        assert process.stderr.read() == b""


def every_error(kind: type[errors.OutlastError] = errors.OutlastError) -> Iterator[type[errors.OutlastError]]:
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield below
            yield from every_error(below)


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_every_error_of_ours_is_told_in_words(kind: type[errors.OutlastError]) -> None:
    if issubclass(kind, errors.ProviderError):
        error: errors.OutlastError = kind("attic", "get", "key")
    elif kind is errors.BadShares:
        error = errors.BadShares(frozenset({1}))
    else:
        error = kind("thing")
    assert " " in message_of(error)
    assert "acknowledged" not in remedy_for(error)  # it may have been a read
    if issubclass(kind, errors.StoreError | errors.ProviderError | errors.QuorumError):
        routine = (errors.PreconditionFailed, errors.EntityTooLarge, errors.NoSuchUpload)
        part = (errors.InvalidPart, errors.InvalidPartOrder, errors.PartTooSmall)
        assert remedy_for(error) or kind is errors.StoreError or issubclass(kind, (*routine, *part))


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")],
)
def test_sizes_are_told_in_units(count: int, text: str) -> None:
    assert bytes_text(count) == text


def test_one_is_not_many() -> None:
    assert count_text(1, "file") == "1 file"
    assert count_text(0, "file") == "0 files"
