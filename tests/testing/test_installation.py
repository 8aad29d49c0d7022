"""Whoever runs a command or a gateway does not wait for it forever."""

from pathlib import Path

import pytest

from outlast.testing import installation as testing
from outlast.testing.installation import CommandFailed, Installation

HANG = ("sh", "-c", "echo why >&2; exec sleep 100")


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"outlast status: not within 0.5 s: why"):
        Installation(tmp_path, through=HANG).attempt("status", within_s=0.5)


def test_a_gateway_that_never_becomes_ready_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "ready_s_max", 0.5)
    with pytest.raises(CommandFailed, match="ended before it was ready: why"):
        Installation(tmp_path, through=HANG).serve()


def test_how_a_command_ended_and_what_it_said_is_kept_apart(tmp_path: Path) -> None:
    ended = Installation(tmp_path, through=("sh", "-c", "echo out; echo why >&2; exit 3")).attempt("status")
    assert (ended.status, ended.output, ended.errors) == (3, "out\n", "why\n")
