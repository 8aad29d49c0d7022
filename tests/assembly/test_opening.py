"""Opening a store: what is local can be lost, what is wrong is named, and drills reach everybody."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import apsw
import pytest

import outlast
from outlast.assembly.create import Files, create_store, plan_store
from outlast.assembly.settings import load_settings
from outlast.assembly.survey import close_all, survey
from outlast.base.clock import SystemClock, unix_ms
from outlast.base.entropy import SystemEntropy
from outlast.base.errors import ConfigError, LocalStateCorrupt, StoreUnavailable
from outlast.catalog.records import DrillSet
from outlast.maintenance.repair import repair
from outlast.placement.members import Policy
from outlast.store import Store

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new store over three directories, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    asyncio.run(make(folder))
    return folder


async def make(folder: Path) -> None:
    clock, entropy = SystemClock(), SystemEntropy()
    surveyed = await survey({name: str(folder / name) for name in NAMES}, clock, entropy)
    plan = plan_store(surveyed, Policy(1), entropy)
    await create_store(plan, surveyed, Files(folder / "outlast.toml", folder / "key"), clock, entropy)
    await close_all([one.provider for one in surveyed])


@pytest.fixture
def config(made: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    shutil.copytree(made, folder)
    path = folder / "outlast.toml"
    path.write_text(path.read_text().replace(str(made), str(folder)))
    return path


@asynccontextmanager
async def opened(config: Path, state: str = "state") -> AsyncIterator[Store]:
    async with outlast.open(config, config.parent / state) as store:
        yield store


async def fill(config: Path) -> None:
    async with opened(config) as store:
        await store.create_bucket("bucket")
        await store.put("bucket", "key", b"content")


async def content(store: Store) -> bytes:
    return await (await store.get("bucket", "key")).read()


async def test_what_one_process_wrote_another_reads(config: Path) -> None:
    await fill(config)
    async with opened(config, "elsewhere") as store:
        assert await content(store) == b"content"


async def test_two_at_once_see_each_others_writes(config: Path) -> None:
    await fill(config)
    async with opened(config) as one, opened(config) as two:
        for number in range(5):
            await one.put("bucket", "key", b"%d" % number)
            assert await content(two) == b"%d" % number
            await two.put("bucket", "key", b"two %d" % number)
            assert await content(one) == b"two %d" % number


async def test_lost_local_state_is_rebuilt(config: Path) -> None:
    await fill(config)
    shutil.rmtree(config.parent / "state")
    async with opened(config) as store:
        assert await content(store) == b"content"


async def test_damaged_local_state_is_begun_anew(config: Path) -> None:
    await fill(config)
    (catalog,) = (config.parent / "state").rglob("catalog.sqlite")
    catalog.write_bytes(b"damaged" * 4096)
    async with opened(config) as store:
        assert await content(store) == b"content"


async def test_a_page_that_turns_out_damaged_while_reading_costs_one_failure_and_no_more(
    config: Path,
) -> None:
    await fill(config)
    (catalog,) = (config.parent / "state").rglob("catalog.sqlite")
    with closing(apsw.Connection(str(catalog))) as database:
        page = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'contents'").get
    data = bytearray(catalog.read_bytes())
    at = bytes(data).index(b"content", (page - 1) * 16384)
    data[at] ^= 1
    catalog.write_bytes(data)
    with pytest.raises(LocalStateCorrupt):
        async with opened(config) as store:
            await content(store)
    async with opened(config) as store:
        assert await content(store) == b"content"


async def test_a_second_process_starts_from_the_firsts_catalog(config: Path) -> None:
    await fill(config)
    async with opened(config) as store:
        at = store.catalog.state.position
        async with opened(config):
            catalogs = sorted((config.parent / "state").rglob("catalog.sqlite"))
            assert [path.parent.name for path in catalogs] == ["0", "1"]
        assert store.catalog.state.position >= at


async def test_everything_works_with_a_provider_missing_from_the_settings(config: Path) -> None:
    await fill(config)
    text = config.read_text()
    start = text.index("[providers.b]")
    config.write_text(text[:start] + text[text.index("[providers.c]") :])
    async with opened(config, "elsewhere") as store:
        assert await content(store) == b"content"
        await store.put("bucket", "key", bytes(3 << 20))
        status = {one.name: one.state for one in (await store.status()).providers}
        assert status["b"] == "unconfigured"


async def test_another_stores_key_is_recognised(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    await make(other)
    shutil.copy(other / "key", config.parent / "key")
    with pytest.raises(ConfigError, match="another store's"):
        async with opened(config):
            pass


async def test_another_stores_key_changes_nothing_where_there_is_local_state(
    config: Path, tmp_path: Path
) -> None:
    """It would append what nobody else can open."""
    async with opened(config) as store:
        await store.create_bucket("first")
    right = (config.parent / "key").read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    await make(other)
    shutil.copy(other / "key", config.parent / "key")
    with pytest.raises(ConfigError, match="another store's"):
        async with opened(config) as store:
            await store.create_bucket("second")
    (config.parent / "key").write_bytes(right)
    async with opened(config, "elsewhere") as store:
        assert [bucket.name for bucket in await store.buckets()] == ["first"]


async def test_nobody_there_and_nothing_known_is_unavailable(config: Path) -> None:
    for name in NAMES:
        (config.parent / name).rename(config.parent / f"{name}-away")
    with pytest.raises(StoreUnavailable):
        async with opened(config):
            pass


async def test_all_erased_is_told_as_it_is(config: Path) -> None:
    for name in NAMES:
        shutil.rmtree(config.parent / name)
        (config.parent / name).mkdir()
    with pytest.raises(ConfigError, match="none of the providers holds this store"):
        async with opened(config):
            pass


async def test_a_failed_opening_leaves_no_lock(config: Path) -> None:
    for name in NAMES:
        (config.parent / name).rename(config.parent / f"{name}-away")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            async with opened(config):
                pass
    assert [path.name for path in (config.parent / "state").glob("*/*/*")] == ["0"]


async def test_a_drill_reaches_every_gateway_and_those_that_start_later(config: Path) -> None:
    await fill(config)
    clock = SystemClock()
    async with opened(config) as one, opened(config) as two:
        await one.catalog.commit(DrillSet("b", "refuse", unix_ms(clock) + 60_000))
        await two.catalog.sync()
        async with opened(config) as three:
            for store in (one, two, three):
                assert await store.fleet["b"].check() is not None
                assert await store.fleet["a"].check() is None
                assert await content(store) == b"content"
        await two.catalog.commit(DrillSet("b", "", 0))
        await one.catalog.sync()
        assert await one.fleet["b"].check() is None


async def test_a_drill_whose_time_has_passed_is_over(config: Path) -> None:
    async with opened(config) as store:
        await store.catalog.commit(DrillSet("b", "refuse", unix_ms(SystemClock()) - 1))
        assert await store.fleet["b"].check() is None


@pytest.mark.parametrize("missed", [(), (2, 3)])
async def test_reattached_twice_over_a_new_machine_still_finds_the_log(
    config: Path, missed: tuple[int, ...]
) -> None:
    """Two of three voters have had new incarnations since slot 0: the first record alone would mislead.

    The third may have missed slots: then those that look estranged must be read all the same.
    """
    await fill(config)
    for name in ("a", "b"):
        shutil.rmtree(config.parent / name)
        (config.parent / name).mkdir()
        async with opened(config) as store:
            report = await repair(store)
            assert report.reattached == [name]
    for slot in missed:
        (config.parent / f"c/log/main/{slot:016x}").unlink()
    async with opened(config, "new-machine") as store:
        assert await content(store) == b"content"
        await store.put("bucket", "key", b"newer")
        assert await content(store) == b"newer"


async def test_the_settings_of_the_store_name_its_providers(config: Path) -> None:
    assert list(load_settings(config).providers) == list(NAMES)
