"""Opening a store by its settings, for gateways, the command line, and Python programs."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from outlast.assembly.build import build_store
from outlast.assembly.providers import open_providers
from outlast.assembly.settings import Settings
from outlast.assembly.state_dir import StateDir, claim_state_dir, default_state_dir
from outlast.assembly.wire import Report
from outlast.base.clock import Clock, SystemClock
from outlast.base.entropy import Entropy, SystemEntropy
from outlast.base.errors import LocalStateCorrupt
from outlast.catalog.state import State
from outlast.coding.keys import Keyring, MasterKey
from outlast.store import Store

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


@asynccontextmanager
async def open_store(
    settings: Settings,
    state_dir: Path | None = None,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    report: Report | None = None,
) -> AsyncIterator[Store]:
    """Open the store of `settings` for the duration of the block.

    `state_dir`: where this machine keeps local state (the platform's place if None). A locked key file is
    opened by the passphrase in the environment variable OUTLAST_PASSPHRASE. Raises `ConfigError` and
    `StoreUnavailable`.
    """
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    master = await load_key_file(settings.key_file)
    keyring = Keyring(master, settings.store)
    async with AsyncExitStack() as unless_built:
        local = claim_state_dir(state_dir or default_state_dir(), settings.store, master.id)
        unless_built.callback(local.release)
        state = open_state(local)
        unless_built.callback(state.close)
        providers = open_providers(settings.providers, settings.store, clock, entropy)
        unless_built.push_async_callback(providers.close)
        store = await build_store(
            providers, keyring, settings.store, state, clock, entropy, report or _report
        )
        unless_built.pop_all()
    try:
        async with store:
            yield store
    finally:
        local.release()


async def load_key_file(path: Path) -> MasterKey:
    """Load the master key. In a thread: a passphrase costs half a second on purpose. Raises `ConfigError`."""
    passphrase = os.environ.get("OUTLAST_PASSPHRASE", "")
    return await asyncio.to_thread(MasterKey.load, path, passphrase)


def open_state(local: StateDir) -> State:
    """Open the local catalog; one that is damaged or of another version is rebuilt."""
    try:
        return State(local.catalog)
    except LocalStateCorrupt as error:
        _logger().warning("rebuilding the local catalog", path=str(local.catalog), reason=str(error))
        local.discard_catalog()
        return State(local.catalog)


def _report(error: BaseException) -> None:
    """Log a failure in the background, which has no caller to raise it to."""
    _logger().error(
        "failed in the background", error=str(error) or type(error).__name__, kind=type(error).__name__
    )


def _logger() -> "FilteringBoundLogger":
    """Set up logging only when needed: importing it takes a third of a command's start."""
    from structlog import get_logger

    from outlast.assembly.logs import set_up_logs

    set_up_logs()
    logger: FilteringBoundLogger = get_logger("outlast")
    return logger
