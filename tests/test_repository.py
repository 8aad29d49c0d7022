"""The house rules that a linter does not know: sizes, public names, documented commands, no private paths."""

import ast
import importlib
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "outlast"
MODULES = sorted(SOURCE.rglob("*.py"))

class_fields_max = 18
function_lines_max = 70
median_module_lines_max = 200


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def classes(path: Path) -> Iterator[tuple[str, int]]:
    """Each class with the number of fields that its own methods assign, or that its body declares."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            fields = {
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            }
            fields |= {
                inner.attr
                for inner in ast.walk(node)
                if isinstance(inner, ast.Attribute)
                and isinstance(inner.ctx, ast.Store)
                and isinstance(inner.value, ast.Name)
                and inner.value.id == "self"
            }
            yield node.name, len(fields)


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files belong to it is unknown")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_class_has_more_fields_than_a_reader_can_hold() -> None:
    """A long module is long; a class with many fields is several state machines in one."""
    too_many = [
        f"{relative(path)}: {name} has {count} fields"
        for path in MODULES
        for name, count in classes(path)
        if count > class_fields_max
    ]
    assert too_many == []


def test_no_two_classes_have_one_name() -> None:
    """A name that stands for two things has to be looked up each time that it is read."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for name, _ in classes(path):
            places[name].append(relative(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_function_is_longer_than_the_line() -> None:
    too_long = [
        f"{relative(path)}: {name} has {length} lines"
        for path in MODULES
        for name, length in functions(path)
        if length > function_lines_max
    ]
    assert too_long == []


def test_the_median_module_is_small() -> None:
    sizes = sorted(lines(path) for path in MODULES if path.name != "__init__.py")
    assert sizes[len(sizes) // 2] <= median_module_lines_max


def test_every_module_says_what_it_is() -> None:
    undocumented = [
        relative(path)
        for path in MODULES
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert undocumented == []


@pytest.mark.parametrize(
    "package", sorted(SOURCE.rglob("__init__.py")), ids=lambda path: relative(path.parent)
)
def test_a_package_names_each_of_its_modules(package: Path) -> None:
    """A newcomer reads a folder's `__init__.py` first: it says what is in there, all of it."""
    named = set(re.findall(r"\w+", ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""))
    modules = {path.stem for path in package.parent.glob("*.py") if not path.stem.startswith("__")}
    folders = {path.parent.name for path in package.parent.glob("*/__init__.py")}
    assert (modules | folders) - named == set()


def test_no_module_has_a_name_that_says_nothing() -> None:
    banned = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert [relative(path) for path in MODULES if path.stem in banned] == []


def public_packages() -> list[str]:
    """Packages that re-export names."""
    found = []
    for path in SOURCE.rglob("__init__.py"):
        if "__all__" in path.read_text(encoding="utf-8"):
            found.append(".".join(path.parent.relative_to(SOURCE.parent).parts))
    return sorted(found)


@pytest.mark.parametrize("package", public_packages())
def test_public_names_are_sorted_and_complete(package: str) -> None:
    module = importlib.import_module(package)
    names = list(module.__all__)
    assert names == sorted(names), f"{package}.__all__ is not sorted"
    for name in names:
        assert hasattr(module, name), f"{package} does not have {name}"
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("outlast")
        for alias in node.names
    }
    assert {name for name in imported if not name.startswith("_")} <= set(names), "imported, but not public"


def test_no_file_names_a_place_of_this_machine() -> None:
    """What is in the repository is the same for everybody: no home, no work folder, no private index."""
    private = re.compile(rb"(?<![\w.-])(/home/[a-z]+/|/root/|/Users/[A-Za-z]+/|/work/|/tmp/[a-z_-]+[./])")
    offences = []
    for path in tracked_files():
        if path == Path(__file__) or path.suffix in {".bin", ".golden"}:
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if private.search(line):
                offences.append(f"{relative(path)}:{number}")
    assert offences == []


def test_locked_requirements_have_hashes_and_name_no_index() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, f"{relative(path)} names an address"
        assert "index-url" not in text
        pinned = re.findall(r"^([a-z0-9][\w.\[\]-]*==\S+)(.*)$", text, re.MULTILINE)
        assert pinned, relative(path)
        for requirement, rest in pinned:
            assert rest.rstrip().endswith("\\"), f"{relative(path)}: {requirement} has no hash"


def test_ci_runs_exactly_what_make_test_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands[-1] == "exec make test"
    assert len(commands) == 3  # how to fail, where, what


def relative_links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]), ids=lambda page: relative(page)
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    dead = [target for target in relative_links(page) if not (page.parent / target).exists()]
    assert dead == []
