"""Which of the known incidents a test plays: one of each form, or all of them.

Many incidents differ in nothing but their times and exact shares, which are compressed when they are played.
"""

import os
from collections.abc import Sequence

from outlast.outages.incidents import Incident

ALL_VARIABLE = "OUTLAST_TEST_INCIDENTS"
"""The environment variable that asks for all of them when it is "all"."""


def form(incident: Incident) -> frozenset[object]:
    """What its phases are made of, times and exact shares apart."""
    return frozenset((one.shape, one.share < 1, one.reads, one.writes) for one in incident.phases)


def to_play(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """The incident of each form that has the most phases; all of them in `make incidents`."""
    if os.environ.get(ALL_VARIABLE) == "all":
        return tuple(incidents)
    by_phases = sorted(incidents, key=lambda one: len(one.phases))
    return tuple({form(one): one for one in by_phases}.values())


def covering(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """Those whose phases are not all in another one, where each costs too much; all in `make incidents`."""
    chosen = to_play(incidents)
    if len(chosen) == len(incidents):
        return chosen
    return tuple(one for one in chosen if not any(form(one) < form(other) for other in chosen))
