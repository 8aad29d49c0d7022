"""The master key: derived keys, the key file, the recovery sheet."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from outlast.base.entropy import SeededEntropy
from outlast.base.errors import ConfigError
from outlast.coding import key_text
from outlast.coding.keys import Keyring, MasterKey, is_locked

KEY = MasterKey(bytes(range(32)))
STORE = b"s" * 16


@pytest.fixture(autouse=True)
def cheap_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the passphrase costs is written in the file; a test does not need half a second of it."""
    monkeypatch.setattr(key_text, "_MEMORY_KIB", 64)
    monkeypatch.setattr(key_text, "_PASSES", 1)


def derived(key: MasterKey) -> bytes:
    return key.derive("test", b"")


def test_keys_are_derived_by_hkdf_for_store_and_purpose() -> None:
    expected = HKDF(SHA256(), 32, salt=STORE, info=b"outlast/1/log").derive(bytes(range(32)))
    assert Keyring(KEY, STORE).log == expected


def test_every_purpose_store_and_master_has_another_key() -> None:
    rings = [Keyring(KEY, STORE), Keyring(KEY, b"t" * 16), Keyring(MasterKey(bytes(32)), STORE)]
    assert len({key for ring in rings for key in (ring.log, ring.extents, ring.secrets)}) == 9


def test_a_key_is_not_shown_by_accident() -> None:
    assert bytes(range(32)).hex() not in repr(KEY) + str(KEY) + KEY.id
    assert repr(KEY) == f"<MasterKey {KEY.id}>"


def test_a_new_key_has_an_id_of_its_own() -> None:
    entropy = SeededEntropy(1)
    assert MasterKey.create(entropy).id != MasterKey.create(entropy).id


def test_a_key_file_is_for_its_owner_only_and_loads(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    old = os.umask(0)
    try:
        KEY.save(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = MasterKey.load(path)
    assert (loaded.id, derived(loaded)) == (KEY.id, derived(KEY))
    assert not is_locked(path)


def test_a_key_file_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    KEY.save(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError) as caught:
        MasterKey.load(path)
    assert caught.value.remedy == f"chmod 600 {path}"


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    KEY.save(path)
    with pytest.raises(ConfigError):
        MasterKey(bytes(32)).save(path)
    assert MasterKey.load(path).id == KEY.id


def test_a_key_file_that_cannot_be_read_or_written_is_a_config_error(
    tmp_path: Path,
) -> None:
    for path in (tmp_path / "missing.key", tmp_path):
        with pytest.raises(ConfigError):
            MasterKey.load(path)
    with pytest.raises(ConfigError):
        KEY.save(tmp_path / "missing" / "store.key")


def test_a_locked_key_file_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    KEY.save_locked(path, "correct horse", SeededEntropy(1))
    assert is_locked(path)
    assert bytes(range(32)).hex() not in path.read_text()
    assert derived(MasterKey.load(path, "correct horse")) == derived(KEY)
    for wrong in ("", "correct hors", "Correct horse"):
        with pytest.raises(ConfigError):
            MasterKey.load(path, wrong)


def test_a_passphrase_opens_however_its_accents_arrive(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    KEY.save_locked(path, "caf\u00e9", SeededEntropy(1))
    assert MasterKey.load(path, "cafe\u0301").id == KEY.id


def test_a_locked_key_file_with_any_field_changed_is_refused(tmp_path: Path) -> None:
    text = key_text.locked(bytes(range(32)), KEY.id, "pass", SeededEntropy(1))
    changes = [
        ("passes: 1", "passes: 2"),
        ("memory-kib: 64", "memory-kib: 128"),
        ("lanes: 4", "lanes: 3"),
        ("salt: ", "salt: 00"),
        (f"id: {KEY.id}", "id: 0011223344556677"),
        ("sealed: 01", "sealed: 02"),
        ("memory-kib: 64", "memory-kib: 99999999999"),
        ("passes: 1", "passes: x"),
        ("argon2id", "argon2i"),
    ]
    for number, (old, new) in enumerate(changes):
        assert old in text
        path = tmp_path / f"{number}.key"
        path.touch(0o600)
        path.write_text(text.replace(old, new))
        with pytest.raises(ConfigError):
            MasterKey.load(path, "pass")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\1\2",
        "format: outlast-key-9\nkey: 00\n",
        "format: outlast-key-1\n",
        "format: outlast-key-1\nid: 00\nkey: zz\n",
        "format: outlast-key-1\nid: 00\nkey: 00\n",
        f"format: outlast-key-1\nid: {KEY.id}\nkey: {'00' * 32}\n",
        "format: outlast-key-1\nid: 00\nsealed: 00\n",
    ],
)
def test_what_is_not_a_key_file_is_a_config_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "store.key"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"store\.key"):
        MasterKey.load(path, "pass")


@given(secret=st.binary(min_size=32, max_size=32))
def test_a_recovery_sheet_gives_the_key_back(secret: bytes) -> None:
    assert derived(MasterKey.from_sheet(MasterKey(secret).sheet())) == derived(MasterKey(secret))


def test_a_recovery_sheet_may_be_typed_carelessly() -> None:
    lines = [line.split(":")[1] for line in KEY.sheet().splitlines() if ":" in line]
    for typed in (
        "\n".join(lines).lower(),
        "\n\n".join(line.replace(" ", "") for line in lines),
        "\n".join("  " + "-".join(line.split()) + " " for line in lines),
        KEY.sheet().replace("0", "O").replace("1", "l").replace("l: ", "1: "),
    ):
        assert MasterKey.from_sheet(typed).id == KEY.id


@given(line=st.integers(0, 3), at=st.integers(0, 14), digit=st.sampled_from(key_text._ALPHABET))
def test_a_slip_of_the_pen_is_found_in_its_line(line: int, at: int, digit: str) -> None:
    lines = ["".join(text.split(":")[1].split()) for text in KEY.sheet().splitlines() if ":" in text]
    changed = lines[line][:at] + digit + lines[line][at + 1 :]
    if changed == lines[line]:
        return
    try:
        key = MasterKey.from_sheet("\n".join([*lines[:line], changed, *lines[line + 1 :]]))
    except ConfigError as error:
        assert f"line {line + 1} " in str(error)
    else:
        assert key.id != KEY.id  # one in 2048 gets past the line's check; the id on the sheet tells


def test_lines_in_another_order_are_found() -> None:
    lines = [line for line in KEY.sheet().splitlines() if ":" in line]
    with pytest.raises(ConfigError):
        MasterKey.from_sheet("\n".join([lines[1], lines[0], *lines[2:]]))


@given(text=st.text(max_size=200))
def test_no_text_at_all_makes_the_sheet_parser_fail_otherwise(text: str) -> None:
    with pytest.raises(ConfigError):
        MasterKey.from_sheet(text)
