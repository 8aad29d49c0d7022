"""Marks and crash points cost nothing in production, are counted and visited in tests, and can be found."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from outlast.base.marks import counting, reached
from outlast.base.points import point, visiting

SOURCE = Path(__file__).parent.parent.parent / "src" / "outlast"


def literals(function: str) -> Iterator[tuple[Path, str | None]]:
    """The first argument of each call of `function` in the source; None if it is no literal."""
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if f"{function}(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
                argument = node.args[0]
                yield path, argument.value if isinstance(argument, ast.Constant) else None


def test_marks_are_counted_only_where_somebody_counts() -> None:
    reached("test: nobody counts")
    with counting() as counts:
        reached("test: a")
        reached("test: a")
        reached("test: b")
    reached("test: a")
    assert counts == {"test: a": 2, "test: b": 1}


def test_the_marks_of_one_run_count_for_its_batch_too() -> None:
    with counting() as batch:
        with counting() as first:
            reached("test: a")
        with counting() as second:
            reached("test: a")
        reached("test: b")
    assert (first, second, batch) == ({"test: a": 1}, {"test: a": 1}, {"test: a": 2, "test: b": 1})


async def test_a_point_is_passed_unless_somebody_visits_it() -> None:
    seen: list[str] = []

    async def visit(name: str) -> None:
        seen.append(name)

    await point("test: alone")
    with visiting(visit):
        await point("test: visited")
    await point("test: alone again")
    assert seen == ["test: visited"]


def test_each_mark_and_each_point_is_a_literal_in_one_place_and_names_its_part() -> None:
    for function in ("reached", "point"):
        found = [(path, name) for path, name in literals(function) if path.parent.name != "testing"]
        names = [name for _, name in found]
        assert None not in names, [path for path, name in found if name is None]
        assert [name for name, count in Counter(names).items() if count > 1] == []
        assert [name for name in names if ": " not in str(name)] == []
