"""How long objects could not be read in real outages, from the incident library.

The library shows how long outages last, not how often they happen: mostly the large ones get a post-mortem,
so these lengths go with the rate of large ones only.

It counts the incidents that, according to their sources, kept stored objects from being read: not those of
other services, of one customer's account, of which no source says that they did, or whose end no source
gives. A phase that hit a share of the requests counts for that share of its time, so that an hour here is an
hour in which every read failed.
"""

from typing import Literal, TypeAlias

from outlast.outages.incidents import Incident, Scope, load_incidents
from outlast.providers.wrap.fault import Shape

Width: TypeAlias = Literal["operator", "region"]

# Planes without which clients cannot read or write; where only others failed, objects stayed available.
_needed = {"data", "identity", "dns", "network"}
# Object storage, as scopes name it; "" is everything that an operator runs.
_storage = {"", "S3", "Azure Blob", "GCS", "R2", "Spaces", "Ceph"}
# Operators that store no objects. Their incidents matter for other reasons.
_without_storage = {"Dyn", "Facebook", "Fastly"}
_stops_reads = {
    Shape.REFUSE,
    Shape.HANG,
    Shape.ERR,
    Shape.THROTTLE,
    Shape.DENIED,
    Shape.CORRUPT,
    Shape.TRUNCATED,
}


def hours_of(width: Width) -> tuple[float, ...]:
    """The hours for which reads failed in each incident of that width that ended, in the library's order.

    One that hit a region or a location is of a region; what hit a service everywhere is of its operator.
    """
    found = (_hours(incident) for incident in load_incidents() if _width(incident) == width)
    return tuple(hours for hours in found if hours > 0)


def _hours(incident: Incident) -> float:
    stored = any(map(_keeps_objects, incident.scope))
    if incident.permanent or not incident.ended or not stored or not _needed.intersection(incident.planes):
        return 0.0
    phases = [phase for phase in incident.phases if phase.reads and phase.shape in _stops_reads]
    seconds = sum((phase.end_s - phase.begin_s) * phase.share for phase in phases)
    return min(seconds, incident.duration_s) / 3600


def _keeps_objects(scope: Scope) -> bool:
    """Whether the scope certainly includes stored objects."""
    storage = scope.software in _storage and scope.operator not in _without_storage
    return storage and scope.sure and not scope.account


def _width(incident: Incident) -> Width:
    return "region" if any(scope.region or scope.location for scope in incident.scope) else "operator"
