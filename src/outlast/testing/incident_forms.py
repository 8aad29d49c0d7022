"""Which of the known incidents a test plays when it does not play all of them.

Many incidents differ only in their times and exact shares, which are compressed when they are played.
"""

from collections.abc import Sequence

from outlast.outages.incidents import Incident


def form(incident: Incident) -> frozenset[object]:
    """Return what its phases consist of, ignoring times and exact shares."""
    return frozenset((one.shape, one.share < 1, one.reads, one.writes) for one in incident.phases)


def one_of_each_form(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """Return the incident with the most phases of each form."""
    by_phases = sorted(incidents, key=lambda one: len(one.phases))
    return tuple({form(one): one for one in by_phases}.values())


def covering(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """Return those whose phases are not all in another one: for tests in which playing one costs much."""
    chosen = one_of_each_form(incidents)
    return tuple(one for one in chosen if not any(form(one) < form(other) for other in chosen))
