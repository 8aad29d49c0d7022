"""Two providers that hold data and a witness that only votes: any one of the three may be lost."""

import hashlib
import shutil
from typing import Any

import pytest

BIG = hashlib.shake_128(b"big").digest(3 << 20)


@pytest.fixture(scope="module")
def made_with_witness(tmp_path_factory: pytest.TempPathFactory, shell_in: Any) -> Any:
    shell = shell_in(tmp_path_factory.mktemp("witness"))
    urls = [f"a={shell.folder / 'a'}", f"b={shell.folder / 'b'}", f"w={shell.folder / 'w'}?role=witness"]
    made = shell.json("init", *(f"--provider={url}" for url in urls))
    assert made["layout"] == {"data": 1, "parity": 1}
    assert sorted(made["voters"]) == ["a", "b", "w"]
    shell.ok("bucket", "create", "bucket")
    shell.ok("cp", "-", "outlast://bucket/small", input=b"small")
    shell.ok("cp", "-", "outlast://bucket/big", input=BIG)
    return shell


def test_a_witness_holds_no_data_and_is_listed_as_one(made_with_witness: Any) -> None:
    folder = made_with_witness.folder
    assert not (folder / "w" / "x").exists()
    assert (folder / "a" / "x").exists() and (folder / "b" / "x").exists()
    listed = {one["name"]: one for one in made_with_witness.json("provider", "list")}
    assert [listed[name]["role"] for name in ("a", "b", "w")] == ["full", "full", "witness"]
    assert listed["w"]["votes"] and not listed["w"]["may_hold_data"]
    assert "any 1 of its operators may be lost" in made_with_witness.ok("status")
    assert made_with_witness.json("provider", "probe", "w")[0]["troubles"] == []


@pytest.mark.parametrize("lost", ["a", "b", "w"])
@pytest.mark.parametrize("how", ["away", "emptied"])
def test_each_of_the_three_may_be_lost(made_with_witness: Any, lost: str, how: str) -> None:
    shell, place = made_with_witness, made_with_witness.folder / lost
    aside = place.with_name("aside")
    if how == "away":
        place.rename(aside)
    else:
        shutil.rmtree(place)
        place.mkdir()
    try:
        assert shell.run("cat", "bucket/small").stdout_bytes == b"small"
        assert shell.run("cat", "bucket/big").stdout_bytes == BIG
        shell.ok("cp", "-", "outlast://bucket/meanwhile", input=BIG)
        assert shell.run("cat", "bucket/meanwhile").stdout_bytes == BIG
        states = {one["name"]: one["state"] for one in shell.json("status", status=3)["providers"]}
        assert [name for name, state in states.items() if state != "healthy"] == [lost]
    finally:
        if how == "away":
            aside.rename(place)
    shell.ok("repair")
    assert "any 1 of its operators may be lost" in shell.ok("status")
