"""Finds what is wrong with a store, from this machine: each finding with its remedy.

It continues after a finding as far as it can, so that one run reports everything. It changes nothing except
the short-lived objects under `probe/` that test a provider's rights.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from outlast.assembly.build import find_genesis
from outlast.assembly.examination import examine
from outlast.assembly.opening import load_key_file
from outlast.assembly.providers import Providers, open_providers
from outlast.assembly.settings import Settings, load_settings
from outlast.assembly.state_dir import catalogs, claim_state_dir
from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError, OutlastError, StoreError
from outlast.base.figures import bytes_text
from outlast.catalog.database_file import check_database
from outlast.catalog.records import Genesis
from outlast.coding.keys import Keyring, MasterKey
from outlast.coding.seal import Box
from outlast.placement.members import Member
from outlast.providers.marker import Marker
from outlast.providers.protocol import Provider
from outlast.quorum.ballot import majority

# A clock that is wrong by more than this is refused by S3 clients and gateways (signatures carry the time).
skew_s_max = 300.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was checked. `remedy` is "" when it is fine."""

    check: str
    what: str
    remedy: str = ""

    @property
    def well(self) -> bool:
        return not self.remedy


async def diagnose(config: Path, state_root: Path, clock: Clock, entropy: Entropy) -> list[Diagnosis]:
    """Check everything; return what was found, good and bad, in the order in which to fix it."""
    try:
        settings = load_settings(config)
    except ConfigError as error:
        return [_bad("config", error)]
    findings = [Diagnosis("config", f"{config}: {len(settings.providers)} providers")]
    try:
        master = await load_key_file(settings.key_file)
        findings.append(Diagnosis("key", f"{settings.key_file}: key {master.id}"))
    except ConfigError as error:
        findings.append(_bad("key", error))
        return findings
    findings += _local_state(state_root, settings, master)
    try:
        providers = open_providers(settings.providers, settings.store, clock, entropy)
    except ConfigError as error:
        findings.append(_bad("providers", error))
        return findings
    try:
        findings += await _look_at_store(providers, master, settings, clock, entropy)
    finally:
        await providers.close()
    return findings


def _bad(check: str, error: ConfigError) -> Diagnosis:
    return Diagnosis(check, str(error), error.remedy or "fix it")


def _local_state(root: Path, settings: Settings, master: MasterKey) -> list[Diagnosis]:
    """Check whether it can be written, and report each catalog that cannot be read. Reads all of them."""
    findings = [
        finding
        for path in catalogs(root, settings.store, master.id)
        if (finding := _local_catalog(path)) is not None
    ]
    try:
        claim_state_dir(root, settings.store, master.id).release()
    except ConfigError as error:
        return [*findings, _bad("local state", error)]
    return findings or [Diagnosis("local state", f"{root} can be written, and what is there is sound")]


def _local_catalog(path: Path) -> Diagnosis | None:
    try:
        check_database(path)
    except StoreError as error:
        remedy = (
            f"end the process that uses {path.parent}, if one does, and delete the folder: nothing is lost"
        )
        return Diagnosis("local state", f"{path}: {error}", remedy)
    return None


async def _look_at_store(
    providers: Providers, master: MasterKey, settings: Settings, clock: Clock, entropy: Entropy
) -> list[Diagnosis]:
    genesis, finding = await _find_genesis(providers, master, settings, entropy)
    members = {member.name: member for member in genesis.members} if genesis is not None else {}
    looked = await asyncio.gather(
        *(
            _look_at(guard.inner, settings.store, members.get(name), clock, entropy)
            for name, guard in providers.guards.items()
        )
    )
    findings = [finding, *(found for found, _ in looked)]
    if genesis is not None:
        findings.append(_clock(genesis, clock))
        voting = {name for name, (_, votes) in zip(providers.guards, looked, strict=True) if votes}
        findings.append(_voters(genesis, voting))
    return findings


async def _find_genesis(
    providers: Providers, master: MasterKey, settings: Settings, entropy: Entropy
) -> tuple[Genesis | None, Diagnosis]:
    try:
        genesis = await find_genesis(providers, Box(Keyring(master, settings.store).log, entropy))
    except ConfigError as error:
        return None, _bad("store", error)
    except OutlastError as error:
        return None, Diagnosis("store", str(error), "bring at least one of its providers back")
    try:
        providers.check_known(genesis.members)
    except ConfigError as error:
        return genesis, _bad("store", error)
    return genesis, Diagnosis("store", f"store {genesis.store.hex()} opens with this key")


async def _look_at(
    provider: Provider, store: bytes, member: Member | None, clock: Clock, entropy: Entropy
) -> tuple[Diagnosis, bool]:
    """Reachability, the marker, the rights, and the room of one provider; and whether it can vote now."""
    check = f"provider {provider.name}"
    expected = Marker(store, provider.name, b"")
    found = await examine(provider, expected, member, clock, entropy)
    votes = found.capabilities is not None and found.capabilities.may_vote
    if found.troubles:
        what = "; ".join(trouble.what for trouble in found.troubles)
        remedy = "; ".join(dict.fromkeys(trouble.remedy for trouble in found.troubles))
        return Diagnosis(check, what, remedy), votes
    free = f"; {bytes_text(found.space.free)} are free" if found.space is not None else ""
    return Diagnosis(check, f"answers in {1000 * found.answer_s:.1f} ms, with all rights{free}"), votes


def _clock(genesis: Genesis, clock: Clock) -> Diagnosis:
    """The time cannot be before the store was created; any other error of the clock is unknown here."""
    behind_s = genesis.created / 1000 - clock.now()
    if behind_s > skew_s_max:
        return Diagnosis(
            "clock",
            f"is at least {behind_s / 3600:.1f} h slow: the store was made later than now",
            "set the clock, and keep it right by NTP",
        )
    return Diagnosis("clock", "is not behind the store's making")


def _voters(genesis: Genesis, voting: Collection[str]) -> Diagnosis:
    """Whether the log can go on, and how many more voters it may lose."""
    voters = genesis.voters
    there = sum(1 for name in voters if name in voting)
    needed = majority(len(voters))
    what = f"{there} of {len(voters)} voters can vote, {needed} are needed ({', '.join(voters)})"
    if there < needed:
        return Diagnosis(
            "agreement",
            what,
            "bring the others back, as said above: until then nothing can be read and written",
        )
    if there < len(voters):
        return Diagnosis("agreement", what, "bring the others back, as said above, then: outlast repair")
    return Diagnosis("agreement", what)
