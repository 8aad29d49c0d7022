"""`outlast.toml`: what is written is read back, and every mistake is named with its remedy."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.assembly import settings
from outlast.assembly.settings import check_provider_name, load_settings, provider_lines, render_settings
from outlast.base.errors import ConfigError
from outlast.providers.registry import domain_kinds, roles

STORE = bytes(range(16))


def write(folder: Path, text: str) -> Path:
    path = folder / "outlast.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    providers = {"attic": "file:///srv/attic?operator=Home", "cellar-2": "file:///srv/cellar"}
    loaded = load_settings(write(tmp_path, render_settings(STORE, "outlast.key", providers)))
    assert loaded.store == STORE
    assert loaded.providers == providers
    assert loaded.key_file == tmp_path / "outlast.key"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_can_stand_in_a_url(tmp_path_factory: pytest.TempPathFactory, url: str) -> None:
    folder = tmp_path_factory.mktemp("settings")
    loaded = load_settings(write(folder, render_settings(STORE, "k", {"a": url})))
    assert loaded.providers["a"] == url


def test_an_absolute_key_file_stays_where_it_is(tmp_path: Path) -> None:
    loaded = load_settings(write(tmp_path, render_settings(STORE, "/etc/keys/k", {"a": "memory:"})))
    assert loaded.key_file == Path("/etc/keys/k")


def test_a_missing_file_names_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "outlast.toml")
    assert "outlast init" in caught.value.remedy


GOOD = render_settings(STORE, "outlast.key", {"a": "memory:"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("store = ", "not TOML"),
        (GOOD.replace("key_file", "keyfile"), "unknown setting 'keyfile'"),
        (GOOD.replace('"outlast.key"', "7"), "key_file"),
        (GOOD.replace(STORE.hex(), "00"), "store"),
        (GOOD.replace(STORE.hex(), "x" * 32), "store"),
        (f'store = "{STORE.hex()}"\nkey_file = "k"\n', "no providers"),
        (GOOD.replace("url =", "uri ="), "[providers.a]"),
        (GOOD.replace("[providers.a]", '[providers."A/../b"]'), "is not a valid provider name"),
    ],
)
def test_a_mistake_is_named_with_a_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, text))
    assert said in str(caught.value)
    assert caught.value.remedy


def test_bytes_that_are_not_utf8_are_a_config_error(tmp_path: Path) -> None:
    path = tmp_path / "outlast.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError):
        load_settings(path)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a/b", "..", "a" * 33, "ä"])
def test_names_that_could_break_keys_or_files_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        check_provider_name(name)


PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    ["`store`", "`key_file`", "`providers.NAME.url`", "`role`", *(f"`{kind}`" for kind in domain_kinds)],
)
def test_every_setting_and_option_is_documented(name: str) -> None:
    assert name in PAGE


@pytest.mark.parametrize("role", roles)
def test_every_role_is_documented(role: str) -> None:
    assert f"`{role}`" in PAGE


def test_every_environment_variable_is_documented() -> None:
    source = Path(settings.__file__).parents[1]
    used = {
        name
        for path in source.rglob("*.py")
        for name in re.findall(r'"(OUTLAST_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert {"OUTLAST_CONFIG", "OUTLAST_STATE_DIR"} <= used
    assert [name for name in sorted(used) if f"`{name}`" not in PAGE] == []


def test_the_example_on_the_page_can_be_loaded(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert list(load_settings(write(tmp_path, example[1])).providers) == ["attic"]


@pytest.mark.parametrize(
    "text",
    [
        '# x\nstore = "0"\n[providers.a]\nurl = "u"\n\n[providers.b]\nurl = "u"\n',
        '#\n\n[providers."a"]\nurl = """\n[providers.c]\n"""\n[ providers . b ]\nurl = "u"',
        '\n\nproviders.a.url = "[providers.b]"\n\n\nproviders.b = { url = "u" }\n',
    ],
)
def test_the_line_of_each_provider_is_found_however_it_is_written(text: str) -> None:
    found = provider_lines(text)
    assert set(found) == {"a", "b"}
    assert found["a"] == 3
    assert text.splitlines()[found["b"] - 1].replace(" ", "").strip("[]").startswith("providers.b")
