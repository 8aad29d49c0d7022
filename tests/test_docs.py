"""What the pages name exists: files, tests, and every page in the index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
# Where a path in a page may begin. `quorum/slot.py` is below src/outlast.
BASES = (ROOT, ROOT / "src" / "outlast")


def paths_in(page: Path) -> set[str]:
    """Every path of a Python file, with the test's name where there is one."""
    text = page.read_text(encoding="utf-8")
    return set(re.findall(r"(?<![\w/.<-])((?:\w+/)+\w+\.py(?:::\w+)?)", text))


def defined(path: str) -> bool:
    file, _, test = path.partition("::")
    found = [base / file for base in BASES if (base / file).is_file()]
    return bool(found) and (not test or f"def {test}(" in found[0].read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_tests_that_a_page_names_exist(page: Path) -> None:
    assert sorted(path for path in paths_in(page) if not defined(path)) == []


def anchors(page: Path) -> set[str]:
    """As code hosts make them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_into_a_page_lead_to_a_heading(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8"))
    targets = [(page.parent / file if file else page, anchor) for file, anchor in links if "://" not in file]
    assert [anchor for target, anchor in targets if anchor not in anchors(target)] == []


def test_pages_that_the_code_names_exist() -> None:
    """In full, or up to a decision's number."""
    named = {
        (str(file.relative_to(ROOT)), match.rstrip("."))
        for file in [ROOT / "Makefile", *(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.toml")]
        for match in re.findall(r"\bdocs/[\w./-]+", file.read_text(encoding="utf-8"))
    }
    assert len(named) > 30
    assert [(file, page) for file, page in sorted(named) if not list(ROOT.glob(f"{page}*"))] == []


def test_the_index_has_every_page() -> None:
    """Directly, or through the index of its folder."""
    indexes = [DOCS / "README.md", *DOCS.rglob("README.md")]
    linked = {
        (index.parent / target).resolve()
        for index in indexes
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", index.read_text(encoding="utf-8"))
        if "://" not in target
    }
    pages = {page for page in DOCS.rglob("*.md") if page != DOCS / "README.md"}
    assert {page for page in pages if page not in linked and page.parent not in linked} == set()


def test_the_recipes_name_files() -> None:
    assert len(paths_in(DOCS / "internals" / "README.md")) > 50
