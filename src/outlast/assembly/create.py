"""Creating a store: what `outlast init` does once it knows what the providers can do.

The order makes a failure harmless at every step: first the key file (without which nothing that follows
could be read), then the markers, then slot 0 at every voter, and last `outlast.toml`, from which on the
store exists. If a step fails, what the earlier ones wrote is removed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from outlast.assembly.settings import render_settings, store_id_bytes
from outlast.assembly.survey import Surveyed, incarnation_bytes
from outlast.base.clock import Clock, unix_ms
from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError, OutlastError, reason
from outlast.catalog.records import Genesis
from outlast.catalog.wire import encode
from outlast.coding.keys import Keyring, MasterKey
from outlast.coding.seal import Box
from outlast.placement.members import Member, Policy
from outlast.placement.policy import Problem, choose_voters, data_layout, problems
from outlast.providers.claim import write_marker
from outlast.providers.marker import MARKER_KEY, Marker, read_marker
from outlast.providers.protocol import Provider
from outlast.providers.wrap.layers import end_log
from outlast.quorum.genesis import write_genesis
from outlast.quorum.state import state_key

gateway_id_bytes = 16
take_back_s_max = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A store to be created. With `problems` it cannot be; `voters` and `layout` are empty then."""

    store: bytes
    policy: Policy
    members: tuple[Member, ...]
    problems: tuple[Problem, ...]
    voters: tuple[str, ...]
    layout: tuple[int, int]


def plan_store(surveyed: Sequence[Surveyed], policy: Policy, entropy: Entropy) -> Plan:
    """Plan a store over these providers, or collect the reasons against it."""
    members = tuple(one.member(entropy.bytes(incarnation_bytes)) for one in surveyed)
    found = tuple(problems(policy, members))
    store = entropy.bytes(store_id_bytes)
    if found:
        return Plan(store, policy, members, found, (), (0, 0))
    return Plan(store, policy, members, (), choose_voters(policy, members), data_layout(policy, members))


@dataclass(frozen=True, slots=True)
class Files:
    """Where the settings and the key are written. `passphrase` "" leaves the key file unlocked."""

    config: Path
    key: Path
    passphrase: str = ""


async def create_store(
    plan: Plan, surveyed: Sequence[Surveyed], files: Files, clock: Clock, entropy: Entropy
) -> MasterKey:
    """Create the store; return its master key. Raises `ConfigError`, `ProviderError`, and leaves nothing."""
    assert not plan.problems
    _check_absent(files.config, "outlast.toml is never overwritten: name another with --config")
    master = MasterKey.create(entropy)
    if files.passphrase:
        master.save_locked(files.key, files.passphrase, entropy)
    else:
        master.save(files.key)
    claimed: list[Surveyed] = []
    try:
        await _claim(plan, surveyed, claimed)
        await _begin_log(plan, surveyed, master, clock, entropy)
        write_settings(plan.store, {one.name: one.url for one in surveyed}, files)
    except BaseException:
        await _take_back(plan.store, claimed)
        files.key.unlink(missing_ok=True)
        raise
    return master


async def _claim(plan: Plan, surveyed: Sequence[Surveyed], claimed: list[Surveyed]) -> None:
    """Write the markers. `claimed` receives the providers whose markers may be ours from then on."""
    for one, member in zip(surveyed, plan.members, strict=True):
        claimed.append(one)
        await write_marker(one.provider, Marker(plan.store, member.name, member.incarnation))


async def _begin_log(
    plan: Plan, surveyed: Sequence[Surveyed], master: MasterKey, clock: Clock, entropy: Entropy
) -> None:
    """Write slot 0 at every voter."""
    record = Genesis(plan.store, unix_ms(clock), plan.policy, plan.members, plan.voters)
    voters = [one.provider for one in surveyed if one.name in plan.voters]
    seal = Box(Keyring(master, plan.store).log, entropy)
    await write_genesis(voters, seal, entropy.bytes(gateway_id_bytes), encode(record))


def write_settings(store: bytes, urls: Mapping[str, str], files: Files) -> None:
    """Write a new `outlast.toml`. Raises `ConfigError`, also if it already exists."""
    folder, key = files.config.absolute().parent, files.key.absolute()
    text = render_settings(store, key.name if key.parent == folder else str(key), urls)
    try:
        with files.config.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(
            f"{files.config} cannot be written: {reason(error)}", "name another with --config"
        ) from error


async def _take_back(store: bytes, claimed: Sequence[Surveyed]) -> None:
    """Remove what a failed creation of `store` wrote to these providers, as far as they allow it in time."""

    async def from_one(provider: Provider) -> None:
        try:
            async with asyncio.timeout(take_back_s_max):
                marker = await read_marker(provider)
                if isinstance(marker, Marker) and marker.store == store:
                    await provider.delete(state_key(0, 0))
                    await provider.delete(MARKER_KEY)
                    await end_log(provider)
        except (OutlastError, TimeoutError):
            pass  # this is the provider that fails; the next `outlast init` reports what it still holds

    await asyncio.gather(*(from_one(one.provider) for one in claimed))


def _check_absent(path: Path, remedy: str) -> None:
    if path.exists():
        raise ConfigError(f"{path} already exists", remedy)
