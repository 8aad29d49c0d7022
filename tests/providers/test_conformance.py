"""Every provider and wrapper keeps the protocol's promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.providers.disk import DiskProvider, draft
from outlast.providers.health import Health
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Provider
from outlast.providers.wrap.fault import FaultProvider
from outlast.providers.wrap.guard import Guard
from outlast.providers.wrap.meter import Meter
from outlast.providers.wrap.name_interval import NameInterval
from outlast.providers.wrap.rate_limit import RateLimit
from outlast.providers.wrap.retry import Retry
from outlast.providers.wrap.wrapper import Wrapper
from outlast.testing.conformance import ProviderConformance


class TestMemory(ProviderConformance):
    @pytest.fixture
    async def provider(self) -> MemoryProvider:
        return MemoryProvider("memory")


class TestMemoryGivingTurns(ProviderConformance):
    @pytest.fixture
    async def provider(self) -> MemoryProvider:
        return MemoryProvider("memory", SystemClock())


class TestDisk(ProviderConformance):
    @pytest.fixture
    async def provider(self, tmp_path: Path) -> AsyncIterator[Provider]:
        disk = DiskProvider("disk", tmp_path / "root")
        await disk.prepare()
        yield disk
        await disk.close()


class TestDiskWithoutNamelessFiles(TestDisk):
    """As on file systems without O_TMPFILE."""

    @pytest.fixture(autouse=True)
    def named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(draft.os, "O_TMPFILE")


class TestDiskWithoutLocksOnFiles(TestDisk):
    """As on file systems where files cannot be locked: the hint for readers is lost, nothing else."""

    @pytest.fixture(autouse=True)
    def unlocked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from outlast.providers.disk import files

        def no_hint(file: int) -> None: ...

        monkeypatch.setattr(files, "mark_unsettled", no_hint)
        monkeypatch.setattr(files, "unsettled", lambda file: False)


class TestFaultWithoutShape(ProviderConformance):
    @pytest.fixture
    async def provider(self) -> FaultProvider:
        return FaultProvider(MemoryProvider("memory"), SystemClock(), SeededEntropy(1))


class TestGuard(ProviderConformance):
    @pytest.fixture
    async def provider(self) -> Guard:
        clock = SystemClock()
        return Guard(MemoryProvider("memory"), Health("memory", clock, SeededEntropy(1)), clock)


class TestGuardAroundADisk(TestDisk):
    @pytest.fixture
    async def provider(self, tmp_path: Path) -> AsyncIterator[Provider]:
        clock = SystemClock()
        disk = DiskProvider("disk", tmp_path / "root")
        await disk.prepare()
        guard = Guard(disk, Health("disk", clock, SeededEntropy(1)), clock)
        yield guard
        await guard.close()


class TestWrapperWithoutARule(ProviderConformance):
    @pytest.fixture
    async def provider(self) -> Wrapper:
        return Wrapper(MemoryProvider("memory"))


class TestWrappersOfANetworkProvider(ProviderConformance):
    """As the registry puts them around each other."""

    @pytest.fixture
    async def provider(self) -> Provider:
        clock = SystemClock()
        limited = NameInterval(RateLimit(Meter(MemoryProvider("memory"), clock), clock, True), clock, 1e-6)
        return Retry(limited, clock, SeededEntropy(1))
