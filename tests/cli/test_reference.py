"""docs/reference/cli.md is what the commands say of themselves, and every command keeps the common rules."""

import json
from pathlib import Path

import pytest

from outlast.cli.cp import cp
from outlast.cli.declare import parameters
from outlast.cli.main import BAD_DAYS, EVERYDAY, Group, run_command
from outlast.cli.parser import parse
from outlast.cli.reference import commands, reference
from outlast.cli.what_if import what_if
from outlast.testing.called import call

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


COMMANDS = dict(commands())


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: make docs"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_is_documented_and_takes_json(path: str) -> None:
    takes = parameters(COMMANDS[path].load())
    assert f"## {path}\n" in PAGE.read_text(encoding="utf-8")
    flags = {flag for one in takes for flag in one.flags}
    assert "--json" in flags
    assert "--config" in flags or path == "outlast demo"
    assert all(one.declared.help for one in takes)


@pytest.mark.parametrize("path", COMMANDS)
def test_help_shows_everything_in_full(path: str) -> None:
    for flag in ("--help", "-h"):
        shown = call(run_command, [*path.split()[1:], flag])
        assert shown.exit_code == 0
        words = " ".join(shown.stdout.split())
        for one in parameters(COMMANDS[path].load()):
            assert " ".join(one.declared.help.split()) in words
            assert all(name in words for name in one.flags or [one.metavar])


def test_the_first_help_names_every_command() -> None:
    shown = call(run_command, ["--help"])
    assert shown.exit_code == 0
    for name, one in {**EVERYDAY, **BAD_DAYS}.items():
        assert f"  {name} " in shown.stdout
        assert one.summary in shown.stdout
        if isinstance(one, Group):
            below = call(run_command, [name, "--help"])
            assert below.exit_code == 0
            assert all(f"  {verb} " in below.stdout for verb in one.commands)


def test_the_version_is_told() -> None:
    from outlast import __version__

    assert call(run_command, ["--version"]).stdout.strip() == __version__


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["conquer"], "there is no command 'conquer'"),
        (["stauts"], "is status meant?"),
        (["key", "creat"], "is create meant?"),
        (["ls", "--recursiv"], "is --recursive meant?"),
        (["init", "--provder", "a=a"], "there is no option --provder; is --provider meant?"),
        (["ls", "-x"], "unrecognized arguments: -x"),
        (["ls", "a", "b"], "unrecognized arguments: b"),
        (["ls", "--json=yes"], "argument --json: ignored explicit argument 'yes'"),
        (["ls", "--config"], "argument -c/--config: expected one argument"),
        (["ls", "--conf", "x"], "there is no option --conf; is --config meant?"),
        (["cp", "only"], "the following arguments are required: DST"),
        (["init"], "the following arguments are required: -p/--provider"),
        (["init", "-p", "a=a", "--domain", "moon"], "--domain: 'moon' is not one of operator"),
        (["serve", "--port", "many"], "--port: 'many' is not a whole number"),
        (["serve", "--port", "99999"], "--port: 99999 is not between 0 and 65535"),
        (["collect", "--grace", "nan"], "--grace: 'nan' is not a number"),
        (["collect", "--grace", "-1"], "--grace: -1 is not 0 or more"),
        (["serve", "--log-level", "loud"], "--log-level: 'loud' is not one of debug, info, warning, error"),
    ],
)
def test_a_wrong_command_line_is_told_in_our_words(words: list[str], said: str) -> None:
    told = call(run_command, words)
    assert told.exit_code == 2
    assert said in told.stderr
    assert "  -> see: outlast" in told.stderr
    told = call(run_command, [*words, "--json"])
    assert told.exit_code == 2
    error = json.loads(told.stderr)
    assert error["error"] == "UsageError"
    assert said in error["message"]


def test_a_wrong_variable_is_named() -> None:
    told = call(run_command, ["serve"], environment={"OUTLAST_LOG_LEVEL": "loud"})
    assert told.exit_code == 2
    assert "OUTLAST_LOG_LEVEL, for --log-level: 'loud'" in told.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["-rcx", "a", "--", "-r"],
        ["a", "-cx", "-r", "--", "-r"],
        ["--config=x", "-r", "a", "--", "-r"],
        ["-r", "-c", "x", "--", "a", "-r"],
    ],
)
def test_options_are_written_as_everywhere(words: list[str]) -> None:
    """Together, with `=`, in any order, and nothing after `--` is one."""
    wanted = {"source": "a", "target": "-r", "recursive": True, "config": Path("x")}
    assert parse("outlast cp", cp, words, {}) == wanted


@pytest.mark.parametrize(
    ("words", "what"), [([], None), (["a", "--lost", "b"], ["a", "b"]), (["--", "-a"], ["-a"])]
)
def test_arguments_may_be_many_or_none_and_stand_between_options(
    words: list[str], what: list[str] | None
) -> None:
    assert parse("outlast what-if", what_if, words, {}).get("what") == what


def test_a_variable_applies_where_the_command_line_is_silent() -> None:
    variables = {"OUTLAST_CONFIG": "y", "OUTLAST_STATE_DIR": ""}
    assert parse("outlast cp", cp, ["-", "b"], variables) == {
        "source": "-",
        "target": "b",
        "config": Path("y"),
    }
    assert parse("outlast cp", cp, ["a", "b", "-c", "x"], variables)["config"] == Path("x")


def test_a_missing_config_is_told_with_its_remedy(tmp_path: Path) -> None:
    result = call(run_command, ["ls", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 1
    assert "outlast init" in result.stderr
