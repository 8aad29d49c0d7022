"""What a provider may answer instead of what it holds.

`stale`: what it held at one moment, forever. `nonsense`: for names of the log anything at all, from no
bytes to states that an acceptor could be in, made from what is really there: from other slots, from earlier
states, with ballots above all others, with values that another proposer's ballot carried.
"""

from collections.abc import Callable, Mapping

from outlast.providers.marker import MARKER_KEY
from outlast.quorum.state import ROUND_MAX
from outlast.testing.places import Lie
from outlast.testing.states import Ballot, SlotState, forged, position, unproven
from outlast.testing.swarm.chance import Chance

# A provider only answers nonsense now and then, or its guard would soon stop using it.
share_min, share_max = 0.05, 1.0


def stale(held: Mapping[str, bytes]) -> Lie:
    """Return the answers of the moment at which it held this. (Its marker is returned as it is.)"""
    return lambda key, real: real if key == MARKER_KEY else held.get(key)


def nonsense(contents: Callable[[], Mapping[str, bytes]], chance: Chance) -> Lie:
    """Answer a share of the reads of the log with anything at all."""
    share = chance.between(share_min, share_max)
    kinds = (_nothing, _noise, _cut, _elsewhere, _highest, _raised, _forged)

    def lie(key: str, real: bytes | None) -> bytes | None:
        if position(key) is None or not chance.happens(share):
            return real
        return chance.pick(kinds)(key, real, contents(), chance)

    return lie


def _nothing(key: str, real: bytes | None, held: Mapping[str, bytes], chance: Chance) -> bytes | None:
    return None


def _noise(key: str, real: bytes | None, held: Mapping[str, bytes], chance: Chance) -> bytes | None:
    return chance.entropy.bytes(chance.whole(0, 40))


def _cut(key: str, real: bytes | None, held: Mapping[str, bytes], chance: Chance) -> bytes | None:
    return None if real is None else real[: chance.whole(0, len(real))]


def _elsewhere(key: str, real: bytes | None, held: Mapping[str, bytes], chance: Chance) -> bytes | None:
    """Return a state of another slot, or another state of this one."""
    names = [name for name in sorted(held) if position(name) is not None]
    return held[chance.pick(names)] if names else None


def _highest(key: str, real: bytes | None, held: Mapping[str, bytes], chance: Chance) -> bytes | None:
    return _seemingly(real, SlotState(Ballot(ROUND_MAX, b"\xff" * 16)))


def _raised(key: str, real: bytes | None, held: Mapping[str, bytes], chance: Chance) -> bytes | None:
    """Return what is there, under a ballot that no proposer has used."""
    state = None if real is None else unproven(real)
    if state is None:
        return real
    ballot = Ballot(min(ROUND_MAX, state.promised.round + chance.whole(1, 3)), b"\x00" * 16)
    return _seemingly(real, SlotState(ballot, None if state.value is None else ballot, state.value))


def _forged(key: str, real: bytes | None, held: Mapping[str, bytes], chance: Chance) -> bytes | None:
    ballot = Ballot(chance.whole(0, 5), chance.entropy.bytes(16))
    return _seemingly(real, SlotState(ballot, ballot, chance.entropy.bytes(chance.whole(0, 60))))


def _seemingly(real: bytes | None, state: SlotState) -> bytes:
    """Return a state with the proof of the one that is really there."""
    return forged(state, b"" if real is None else real)
