"""Directories are emptied in the order that was asked for, while others write there."""

from pathlib import Path

import pytest

from outlast.testing.siege.dice import Dice
from outlast.testing.siege.removal import ORDERS, Order, count, removal

FILES = ["0-outlast", "log/main/0", "log/main/1", "log/main/1.1", "x/00/f", "x/01/f", "probe/p"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def gone_in_order(root: Path, order: Order) -> list[str]:
    """The files in the order in which they went."""
    gone: list[str] = []
    for _ in removal(root, order, Dice(1, "removal")):
        gone += [name for name in FILES if name not in gone and not (root / name).exists()]
    return gone


@pytest.mark.parametrize("order", sorted({*ORDERS}))
def test_everything_goes_in_each_order(root: Path, order: Order) -> None:
    assert count(root) == 13
    assert sorted(gone_in_order(root, order)) == sorted(FILES)
    assert count(root) == 0


def test_the_log_goes_first_and_the_marker_last(root: Path) -> None:
    gone = gone_in_order(root, Order.LOG_FIRST)
    assert all(name.startswith("log/") for name in gone[:3])
    assert gone[-1] == "0-outlast"


def test_the_marker_goes_first(root: Path) -> None:
    assert gone_in_order(root, Order.MARKER_FIRST)[0] == "0-outlast"


def test_the_log_alone_goes(root: Path) -> None:
    assert len(gone_in_order(root, Order.LOG_ONLY)) == 3
    assert (root / "0-outlast").exists() and count(root / "x") == 4


def test_what_is_written_behind_it_stays(root: Path) -> None:
    written = root / "log" / "new"
    for _ in removal(root, Order.LOG_FIRST, Dice(1, "removal")):
        if not written.parent.exists():
            written.parent.mkdir()
            written.write_bytes(b"")
    assert [path for path in root.rglob("*") if path.is_file()] == [written]
