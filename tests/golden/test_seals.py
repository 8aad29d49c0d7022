"""Seals, derived keys, key files and the recovery sheet as they were first written."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from outlast.base.entropy import SeededEntropy
from outlast.coding.keys import Keyring, MasterKey, is_locked
from outlast.coding.seal import Box

HERE = Path(__file__).parent
SEALS: dict[str, Any] = json.loads((HERE / "seal.json").read_text())
MASTER = MasterKey(bytes.fromhex(SEALS["master"]))
STORE = bytes.fromhex(SEALS["store"])


def test_the_same_keys_are_derived_as_ever() -> None:
    ring = Keyring(MASTER, STORE)
    assert MASTER.id == SEALS["id"]
    derived = {"log": ring.log, "extents": ring.extents, "secrets": ring.secrets}
    assert {name: key.hex() for name, key in derived.items()} == {name: SEALS[name] for name in derived}


@pytest.mark.parametrize("box", SEALS["boxes"])
def test_messages_sealed_long_ago_open(box: dict[str, str]) -> None:
    key, aad, plaintext, sealed = (bytes.fromhex(box[name]) for name in ("key", "aad", "plaintext", "sealed"))
    assert Box(key, SeededEntropy(0)).open(sealed, aad) == plaintext


@pytest.mark.parametrize(
    ("name", "passphrase"), [("plain.key", ""), ("locked.key", "correct horse battery staple")]
)
def test_key_files_written_long_ago_load(tmp_path: Path, name: str, passphrase: str) -> None:
    path = tmp_path / name
    shutil.copyfile(HERE / name, path)
    path.chmod(0o600)
    assert is_locked(path) == bool(passphrase)
    loaded = MasterKey.load(path, passphrase)
    assert Keyring(loaded, STORE).log.hex() == SEALS["log"]


def test_a_plain_key_file_is_written_to_the_same_text_as_ever(tmp_path: Path) -> None:
    MASTER.save(tmp_path / "new.key")
    assert (tmp_path / "new.key").read_text() == (HERE / "plain.key").read_text()


def test_recovery_sheets_are_written_and_read_as_ever() -> None:
    text = (HERE / "recovery-sheet.txt").read_text()
    assert MASTER.sheet() == text
    assert Keyring(MasterKey.from_sheet(text), STORE).log.hex() == SEALS["log"]
