"""Every fix that is printed can be carried out, and then the verdict is the one that was promised."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Shell
from tests.outages.invented_stores import held, member, store
from tests.outages.report_example import crowded_report, example_report

from outlast.catalog.records import FragmentsLost
from outlast.cli.declare import parameters
from outlast.cli.reference import commands
from outlast.cli.session import store_at
from outlast.outages.model import KINDS, Domain
from outlast.outages.remedy import cheapest_fix
from outlast.outages.what_if import outage_of, what_if

BIG = bytes(300_000)


@pytest.fixture
def filled(bucket: Any) -> Any:
    """A store with an object in the log and one in fragments."""
    bucket.ok("cp", "-", "outlast://bucket/small", input=b"small")
    bucket.ok("cp", "-", "outlast://bucket/big", input=BIG)
    return bucket


def asked(shell: Any, what: str) -> Any:
    """The verdict on the loss of `what`."""
    [told] = shell.json("what-if", what)["verdicts"]
    return told


def settings(shell: Any, old: str, new: str) -> None:
    text = shell.config.read_text()
    assert old in text
    shell.config.write_text(text.replace(old, new))


def test_a_repair_gives_an_erased_provider_back_what_it_had(filled: Any) -> None:
    for path in (filled.folder / "b").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = asked(filled, "c")
    assert before["fix"] == "outlast repair"
    filled.ok("repair")
    assert asked(filled, "c")["verdict"] == before["fixed"] == "redundancy-less"


def test_who_is_away_is_brought_back_and_what_it_missed_is_repaired(filled: Any) -> None:
    (filled.folder / "b").rename(filled.folder / "b-away")
    filled.ok("cp", "-", "outlast://bucket/more", input=BIG)
    before = asked(filled, "c")
    assert before["fix"] == "bring back b (see outlast status), then: outlast repair"
    assert filled.run("status").exit_code == 3
    (filled.folder / "b-away").rename(filled.folder / "b")
    filled.ok("repair")
    assert asked(filled, "c")["verdict"] == before["fixed"]


def test_who_is_not_in_the_settings_is_named_there(filled: Any) -> None:
    text = filled.config.read_text()
    [table] = re.findall(r"\[providers\.b\]\nurl = .*\n", text)
    settings(filled, table, "")
    before = asked(filled, "c")
    assert before["fix"] == "name b in outlast.toml"
    filled.config.write_text(text)
    assert asked(filled, "c")["verdict"] == before["fixed"]


def test_quotas_are_raised(filled: Any) -> None:
    for name in "ab":
        settings(filled, f'/{name}"', f'/{name}?quota_bytes=1kB"')
    before = asked(filled, "c")
    assert before["fix"] == "raise the quotas of a, b in outlast.toml"
    settings(filled, "1kB", "1GB")
    assert asked(filled, "c")["verdict"] == before["fixed"]


def test_a_repair_reads_what_counts_as_missing(filled: Any) -> None:
    async def note_lost() -> None:
        async with store_at(filled.config, filled.folder / "state") as store:
            [extent] = store.catalog.state.extents()
            at = extent.places.index("b")
            await store.catalog.commit(FragmentsLost(extent.id, (extent.fragment(at),)))

    asyncio.run(note_lost())
    before = asked(filled, "c")
    assert (before["verdict"], before["at_most"]) == ("unknown", "read-loss")
    assert before["fix"].startswith("outlast repair:")
    filled.ok("repair")
    assert asked(filled, "c")["verdict"] == "redundancy-less"


def test_the_key_file_is_copied_and_opens_the_store_elsewhere(filled: Any, tmp_path: Path) -> None:
    assert asked(filled, "key=outlast.key")["fix"].startswith("copy the key file to another place")
    there = Shell(tmp_path / "there")
    there.folder.mkdir()
    shutil.copy(filled.folder / "outlast.key", there.folder)
    shutil.rmtree(filled.folder / "state")
    there.ok("recover", *(f"--provider={name}={filled.folder / name}" for name in "abc"))
    assert there.ok("cat", "outlast://bucket/small") == "small"


def test_an_empty_place_elsewhere_takes_the_place_of_a_provider(filled: Any) -> None:
    """What is told for a machine and a DNS zone: another line in outlast.toml, and a repair."""
    settings(filled, '/b"', '/elsewhere"')
    (filled.folder / "elsewhere").mkdir()
    filled.ok("repair")
    shutil.rmtree(filled.folder / "b")
    assert asked(filled, "c")["verdict"] == "redundancy-less"


def test_a_new_store_with_a_higher_tolerance_bears_what_it_was_made_for(filled: Any, empty: Any) -> None:
    [told] = filled.json("what-if", "a", "b")["verdicts"]
    assert told["fix"] == (
        "a new store that tolerates 2 (outlast init --tolerate 2), with providers of more operators:"
        " 2 that can vote"
    )
    places = [f"--provider={name}={empty.folder / name}?operator={name}" for name in "abcde"]
    empty.ok("init", "--tolerate", "2", *places)
    [told] = empty.json("what-if", "a", "b")["verdicts"]
    assert told["verdict"] == "redundancy-less"


# ---------------------------------------------------------------- all of them


def fixes() -> set[str]:
    """Every fix that the examples have, and one of each kind of domain."""
    found = {one.text for report in (example_report(), crowded_report()) for one in report.fixes}
    shop = store([member(name) for name in "abc"], held(2, "a b c"))
    for kind in KINDS:
        fix = cheapest_fix(shop, what_if(shop, outage_of([Domain(kind, "X", frozenset("ab"))]), {}), {})
        assert fix is not None
        found.add(fix.text)
    return found


def test_every_command_that_a_fix_names_exists_with_its_options() -> None:
    known = {
        path: {flag for one in parameters(command.load()) for flag in one.flags}
        for path, command in commands()
    }
    for text in fixes():
        for name, options in re.findall(r"\boutlast ([a-z][a-z-]*)((?: --[a-z-]+)*)", text):
            assert set(options.split()) <= known[f"outlast {name}"], text
