"""How long real outages lasted, from the incident library.

The library tells how long, not how often: what gets a post-mortem is the large ones, so these lengths go with
the rate of large ones only.
"""

from typing import Literal, TypeAlias

from outlast.outages.incidents import Incident, load_incidents

Width: TypeAlias = Literal["operator", "region"]

# Who cannot do these cannot read or write; where only others failed, stored objects were there all the time.
_needed = {"data", "identity", "dns", "network"}


def hours_of(width: Width) -> tuple[float, ...]:
    """The durations in hours of all incidents of that width that ended, in the library's order.

    One that hit a region or a location is of a region; what hit a service everywhere is of its operator.
    """
    return tuple(
        incident.duration_s / 3600
        for incident in load_incidents()
        if not incident.permanent and _needed.intersection(incident.planes) and _width(incident) == width
    )


def _width(incident: Incident) -> Width:
    return "region" if any(scope.region or scope.location for scope in incident.scope) else "operator"
