"""Plain, idiomatic technical English: phrases that readers stumble over, each with a better form.

Pages (docs, README, CHANGELOG, ...) have none of them. Of the source (docstrings, comments, messages, help
texts) the packages in `UNCONVERTED` have at most the number of hits beside them; all others have none. After
converting some, write the numbers anew, and the list shrinks:

    python tests/test_prose.py
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "outlast"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")])
# Made from the code, so checked there.
GENERATED = {"cli.md", "s3-compatibility.md", "incidents.md", "costs.md"}


class Phrase(NamedTuple):
    pattern: str
    better: str
    help_only: bool = False

    def find(self, text: str) -> Iterator[str]:
        for match in re.finditer(self.pattern, text):
            yield match[0].strip(" .;:\n")


_start = r"(?:\A|(?<=[.;:] ))"
PHRASES = (
    # Free relatives.
    Phrase(_start + r"Who(?:m|se)?\b(?![^.]*\?)", "'A provider that is down ...', not 'Who is down ...'"),
    Phrase(r"\b[Ww]ho(?:m|se)?ever\b", "name it: 'the process that', 'any client that', 'anyone who'"),
    Phrase(r"\b[Nn]obody\b", "name it: 'no process', 'no gateway', 'nothing'"),
    # Telling.
    Phrase(r"\btold\b", "reported, logged, printed, derived, raised; 'unless X says otherwise'"),
    Phrase(
        r"\b[Tt]ell(?:s|ing)? (?:of|how|what|which|whether|that|it|where|why|apart|at)\b(?! to\b)",
        "says, shows, reports, distinguishes",
    ),
    # Quantities without an antecedent.
    Phrase(
        r"\b[Ss]o (?:many|much|long|few|lately|late)\b(?! (?:as|that|\w+ that)\b)",
        "name the number: 'N providers', 'the last SECONDS', 'how many are missing'",
    ),
    Phrase(r"\bhow-?manieth\b", "index, sequence number"),
    # Words of another language, or of another time.
    Phrase(r"\b[Bb]eside\b", "next to, in addition to, during, concurrently with"),
    Phrase(r"\b[Mm]end(?:s|ed|ing)?\b", "repair, restore, fix"),
    Phrase(r"\bh(?:ang|angs|anging|ung) (?:up)?on\b", "depends on"),
    Phrase(r"\b[Gg]one\b", "missing, lost, removed, over"),
    Phrase(r"\bbehind (?:our|its|their|the \w+'s) back\b", "in the background, without the store"),
    Phrase(r"\b(?:bears?|borne|bore)\b", "tolerates, supports"),
    Phrase(
        r"\b(?:is|are|be|mak(?:e|es|ing)|made|it|them) whole\b|\bthe whole(?=[.,;:)]|$)",
        "complete, restored, healthy, the details",
    ),
    Phrase(r"\b(?:is|are|was|were|be|not|all) well\b(?!-)", "healthy, fine"),
    Phrase(r"\b[Aa]new\b", "again; rebuilt, restarted, regenerated"),
    Phrase(r"\ball the same\b", "anyway"),
    Phrase(r"\bas ever\b", "as before"),
    Phrase(r"\b(?:found|finds|find|finding) out\b", "detected, learned, measured"),
    Phrase(r"\bunder way\b", "in flight (requests), in progress (work)"),
    Phrase(r"\bpass(?:ed|es|ing)? over\b", "skipped, ignored"),
    Phrase(r"\b(?:is|are|was|were|be) (?:not )?asked\b", "receives requests, gets a request"),
    Phrase(r"\bbut for\b", "except for"),
    Phrase(r"\bfor want of\b", "without"),
    Phrase(r"\b[Ss]eldom\b", "rarely"),
    Phrase(r"\bin earnest\b", "in real use"),
    Phrase(r"\b(?:comes?|came) of\b", "comes from"),
    Phrase(r"\bas \w+ (?:has|have|had) it\b", "as in S3"),
    Phrase(r"\blies? (?:at|in|on|where|there|below|beyond)\b(?! purpose)", "is stored, is"),
    Phrase(_start + r"Else\b", "otherwise"),
    # American spelling.
    Phrase(
        r"\b\w*(?:gnis(?:e|ed|es|ing)|oris(?:e|ed|es|ing)|alis(?:e|ed|es|ing)|onis(?:e|ed|es|ing))\b"
        r"|\b(?:behaviour|colour|honour|neighbour|favour|artefact|catalogue|practise)\w*",
        "American spelling",
    ),
    # Help texts: a verb first, or the name of the thing.
    Phrase(
        r"\A(?:Of|So|For|As if|From|Where|Who|Whose|What|In what|Only|Also|With|Even)\b",
        "begin with a verb: 'Simulate ...', 'Exit with ...', or name the thing: 'Path of ...'",
        help_only=True,
    ),
)

# By package: how many hits it has at most. Written by this file when it is run.
UNCONVERTED: dict[str, int] = {
    "coding": 1,
}


class Hit(NamedTuple):
    where: str
    found: str
    better: str

    def __str__(self) -> str:
        return f"{self.where}: {self.found!r} -> {self.better}"


def hits_in(where: str, text: str, is_help: bool = False) -> Iterator[Hit]:
    prose = " ".join(re.sub(r"`[^`]*`", "`x`", text).split())
    for phrase in PHRASES:
        if is_help or not phrase.help_only:
            for found in phrase.find(prose):
                yield Hit(where, found, phrase.better)


# ---------------------------------------------------------------- pages


def paragraphs(page: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of each paragraph, list item, and row.

    Without code, the targets of links, and what is made from the source.
    """
    text = re.sub(
        r"<!-- (\w+): begin -->.*?<!-- \1: end -->", _blank, page.read_text(encoding="utf-8"), flags=re.S
    )
    text = re.sub(r"^ *```.*?^ *```|^    .*?$", _blank, text, flags=re.S | re.M)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    number, held = 1, ""
    for count, line in enumerate([*text.splitlines(), ""], 1):
        if not line.strip() or re.match(r"\s*(?:[-*#|]|\d+\. )", line):
            if held:
                yield number, held
            number, held = count, "" if _is_from_the_code(page, line) else line.lstrip("-*# |")
        else:
            number, held = (number, f"{held} {line}") if held else (count, line)


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _is_from_the_code(page: Path, line: str) -> bool:
    """Rows that a test compares with help texts and with rates.toml."""
    return line.startswith("| `outlast_" if page.name == "metrics.md" else "| ") and page.name in (
        "metrics.md",
        "simulate.md",
    )


def page_hits(page: Path) -> list[Hit]:
    return [
        hit for line, text in paragraphs(page) for hit in hits_in(f"{page.relative_to(ROOT)}:{line}", text)
    ]


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name not in GENERATED],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_pages_are_plain_english(page: Path) -> None:
    assert [str(hit) for hit in page_hits(page)] == []


# ---------------------------------------------------------------- source


def texts(module: Path) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it is a help text) of each docstring, comment, and message."""
    source = module.read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(source)))
    helps = {
        id(keyword.value)
        for node in nodes
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "help"
    }
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in parts:
            text = _text_of(node)
            if " " in text.strip():
                yield node.lineno, text, id(node) in helps
    held, first, last = "", 0, -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1 and held:
                yield first, held, False
                held = ""
            first = first if held else token.start[0]
            held, last = f"{held} {token.string.lstrip('#')}", token.start[0]
    if held:
        yield first, held, False


def _text_of(node: ast.expr) -> str:
    """Of a string, with `x` for what an f-string fills in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(part) for part in node.values)
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "`x`"


def packages() -> list[str]:
    return sorted(str(path.parent.relative_to(SOURCE)) for path in SOURCE.rglob("__init__.py"))


def package_hits(package: str) -> list[Hit]:
    return [
        hit
        for module in sorted((SOURCE / package).glob("*.py"))
        for line, text, is_help in texts(module)
        for hit in hits_in(f"{module.relative_to(ROOT)}:{line}", text, is_help)
    ]


@pytest.mark.parametrize("package", packages())
def test_the_source_gets_no_worse(package: str) -> None:
    found, allowed = package_hits(package), UNCONVERTED.get(package, 0)
    assert len(found) <= allowed, "\n".join([f"at most {allowed}, found {len(found)}:", *map(str, found)])


# ---------------------------------------------------------------- the test itself


@pytest.mark.parametrize(
    "text",
    [
        "Who is down is not asked; a probe finds out when it is back.",
        "Below 0 so many are wanting.",
        "The operator is told by its host.",
        "Whoever has the key can do everything.",
        "What hangs on that is unknown.",
        "The catalog is built anew.",
    ],
)
def test_what_should_be_found_is_found(text: str) -> None:
    assert list(hits_in("", text))


@pytest.mark.parametrize(
    "text",
    [
        "A provider that is marked down receives no requests. A probe detects when it has recovered.",
        "A negative number is how many are missing.",
        "The operator is derived from the endpoint's host name.",
        "It waits as long as it must, so long as the lock is held.",
        "Who may read metrics? Clients on the same computer.",
        "The module `mend` and the cause `gone` are names.",
    ],
)
def test_plain_english_is_left_alone(text: str) -> None:
    assert list(hits_in("", text)) == []


def test_help_texts_begin_with_a_verb_or_a_noun() -> None:
    assert list(hits_in("", "So many providers, instead of this store's.", is_help=True))
    assert list(hits_in("", "Simulate a hypothetical store with N providers.", is_help=True)) == []


def test_every_kind_of_text_in_the_source_is_looked_at(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""Whoever reads."""\n\n# Whoever\n# writes.\nraise ValueError(f"whoever {1} waits")\n'
    )
    found = [hit for line, text, _ in texts(module) for hit in hits_in(str(line), text)]
    assert sorted(hit.where for hit in found) == ["1", "3", "5"]


def test_pages_are_read_without_their_code(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Whoever\n\nA line that ends with so\nmany words.\n- first\n- nobody\n\n```sh\nnobody\n```\n"
        "\n    nobody\n\n| nobody | [here](nobody.md) |\n"
    )
    hits = [hit for line, text in paragraphs(page) for hit in hits_in(str(line), text)]
    assert [hit.where for hit in hits] == ["1", "3", "6", "14"]


def rewrite() -> None:
    """Put today's numbers into this file, and say what they were."""
    counts = Counter({package: len(package_hits(package)) for package in packages()})
    rows = "".join(f'    "{package}": {count},\n' for package, count in sorted(counts.items()) if count)
    text = Path(__file__).read_text(encoding="utf-8")
    table = f"UNCONVERTED: dict[str, int] = {{\n{rows}}}"
    Path(__file__).write_text(
        re.sub(r"^UNCONVERTED: .*?^}", table, text, flags=re.S | re.M), encoding="utf-8"
    )
    sys.stdout.write(f"{sum(UNCONVERTED.values())} -> {counts.total()}\n")


if __name__ == "__main__":
    rewrite()
