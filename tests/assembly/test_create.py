"""A store whose making is interrupted takes back what was written for it, and nothing that is another's."""

import asyncio
from pathlib import Path

import pytest

from outlast.assembly import create
from outlast.assembly.create import Files, create_store, plan_store
from outlast.assembly.survey import close_all, survey
from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.placement.members import Policy
from outlast.providers.marker import Marker
from outlast.providers.protocol import Provider

NAMES = ("a", "b", "c")


async def interrupted(folder: Path) -> None:
    """Make a store, of which it is known that it will be interrupted."""
    clock, entropy = SystemClock(), SystemEntropy()
    surveyed = await survey({name: str(folder / name) for name in NAMES}, clock, entropy)
    try:
        plan = plan_store(surveyed, Policy(1), entropy)
        with pytest.raises(asyncio.CancelledError):
            await create_store(plan, surveyed, Files(folder / "outlast.toml", folder / "key"), clock, entropy)
        for one in surveyed:
            assert [entry async for entry in one.provider.list("")] == []
    finally:
        await close_all([one.provider for one in surveyed])
    assert not (folder / "key").exists()


async def test_a_survey_that_is_interrupted_waits_until_every_probe_has_cleaned_up(tmp_path: Path) -> None:
    clock, entropy = SystemClock(), SystemEntropy()
    surveying = asyncio.ensure_future(survey({n: str(tmp_path / n) for n in NAMES}, clock, entropy))
    async with asyncio.timeout(10):
        while not list(tmp_path.glob("?/probe/*")):  # noqa: ASYNC110 files appear without an event
            await asyncio.sleep(0.001)
    surveying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await surveying
    assert list(tmp_path.glob("?/probe/*")) == []


async def test_an_interruption_takes_back_the_marker_that_was_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = create.write_marker

    async def claimed_and_interrupted(provider: Provider, marker: Marker) -> None:
        await claim(provider, marker)
        if provider.name == "b":
            raise asyncio.CancelledError

    monkeypatch.setattr(create, "write_marker", claimed_and_interrupted)
    await interrupted(tmp_path)
    monkeypatch.undo()
    surveyed = await survey({name: str(tmp_path / name) for name in NAMES}, SystemClock(), SystemEntropy())
    await close_all([one.provider for one in surveyed])


async def test_a_store_that_came_first_keeps_its_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = create.write_marker
    other = Marker(bytes(16), "theirs", bytes(16))

    async def too_late(provider: Provider, marker: Marker) -> None:
        if provider.name == "b":
            await claim(provider, other)
            raise asyncio.CancelledError
        await claim(provider, marker)

    monkeypatch.setattr(create, "write_marker", too_late)
    with pytest.raises(AssertionError):
        await interrupted(tmp_path)  # b is not empty, and need not be
    assert not (tmp_path / "a" / "0-outlast").exists()
    assert bytes(16).hex() in (tmp_path / "b" / "0-outlast").read_text()
