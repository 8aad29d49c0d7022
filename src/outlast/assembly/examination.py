"""One provider, checked thoroughly: whose it is, what it can do now, and whether that matches the catalog.

What a provider can do was measured when the store was created, and is in the catalog since. It may have
changed: rights were revoked, the operator changed its software, or versioning was switched on. So all of it
is measured again and compared with the catalog.

The provider is not disturbed: only short-lived objects below `probe/` are written, and nothing if its marker
is not the expected one.
"""

import asyncio
from dataclasses import dataclass, replace

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import Cause, ProviderError, Unavailable
from outlast.placement.members import Member
from outlast.providers import trouble
from outlast.providers.capabilities import Capabilities, probe
from outlast.providers.marker import Damaged, Marker, read_marker
from outlast.providers.protocol import Provider
from outlast.providers.space import Space
from outlast.providers.trouble import Trouble
from outlast.providers.wrap.layers import keeps_journals, keeps_versions, space_of

# A provider that does not return its marker within this time gets no further requests.
answer_s_max = 5.0


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found. `marker` and `capabilities` are None if the examination did not get that far."""

    marker: Marker | None
    answer_s: float
    """How long the marker took."""
    capabilities: Capabilities | None
    troubles: tuple[Trouble, ...]
    """The weightiest first."""
    space: Space | None = None
    """The free space there; None where it is not known."""


async def examine(
    provider: Provider, expected: Marker | None, member: Member | None, clock: Clock, entropy: Entropy
) -> Examined:
    """Check a provider. Raises none of the provider's errors: they are in `troubles`.

    `expected`: what its marker should contain; its incarnation, which only the catalog knows, is ignored.
    None: it need not have any. `member`: what the catalog records; None if that is not known.
    """
    began = clock.monotonic()
    try:
        async with asyncio.timeout(answer_s_max):
            marker = await read_marker(provider)
    except TimeoutError:
        silent = Unavailable(provider.name, "get", f"no answer within {answer_s_max:.0f} s", Cause.TIMEOUT)
        return Examined(None, 0.0, None, (trouble.of_error(silent),))
    except ProviderError as error:
        return Examined(None, 0.0, None, (trouble.of_error(error),))
    answer_s = clock.monotonic() - began
    if isinstance(marker, Damaged):
        return Examined(None, answer_s, None, (trouble.of_damaged(marker),))
    stranger = _stranger(expected, marker, keeps_journals(provider))
    if stranger is not None:
        return Examined(marker, answer_s, None, (stranger,))
    found = await probe(provider, entropy, clock)
    troubles = [trouble.of_error(error) for error in found.errors if trouble.is_lasting(error)]
    space = await _space(provider)
    short = None if space is None else trouble.of_space(space)
    if short is not None and not any(one.kind == short.kind for one in troubles):
        troubles.append(short)
    if not any(one.kind in _known_causes for one in troubles):
        troubles += _fallen_short(found, member)
    if keeps_versions(provider):
        troubles.append(trouble.versioned)
    return Examined(marker, answer_s, found, tuple(dict.fromkeys(troubles)), space)


async def answer_s(provider: Provider, clock: Clock) -> float | None:
    """Return how long a small read takes, once there is a connection; None if there is no answer."""
    try:
        async with asyncio.timeout(answer_s_max):
            await read_marker(provider)
            began = clock.monotonic()
            await read_marker(provider)
    except (TimeoutError, ProviderError):
        return None  # `provider probe` and `status` report why
    return clock.monotonic() - began


async def _space(provider: Provider) -> Space | None:
    try:
        async with asyncio.timeout(answer_s_max):
            return await space_of(provider)
    except (TimeoutError, ProviderError):
        return None  # then it is not known, and the probe has said what is wrong


def _stranger(expected: Marker | None, marker: Marker | None, journals: bool) -> Trouble | None:
    if expected is None:
        return None
    known = marker and replace(marker, incarnation=expected.incarnation)
    return trouble.of_marker(expected, known, journals)


# Where one of these keeps everything from being tried, what could not be tried says nothing more.
_known_causes = frozenset({Cause.FULL, Cause.READ_ONLY})


def _fallen_short(found: Capabilities, member: Member | None) -> list[Trouble]:
    """Return what the provider should be able to do, and has not shown."""
    reasons = "; ".join(found.reasons)
    if member is None:
        useless = not (found.may_vote or found.may_hold_data)
        return (
            [Trouble("unusable", f"it can neither vote nor hold data: {reasons}", _mend)] if useless else []
        )
    short = []
    if member.votes and not found.may_vote:
        short.append(
            Trouble(
                "cannot-vote",
                f"it may vote in this store, and no longer passes what a voter must: {reasons}",
                f"{_mend}; where several racers win, end the gateways and move to a store without it",
            )
        )
    if member.holds_data and not found.may_hold_data:
        short.append(Trouble("cannot-hold-data", f"it holds data, and no longer can: {reasons}", _mend))
    return short


_mend = "restore the rights and settings that it had (docs/reference/providers), then probe again"
