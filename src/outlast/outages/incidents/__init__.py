"""Real outages as data: one TOML file each, in this folder, every figure from the sources in the file.

An incident says which providers it hit (`scope`), when and in which shape (`phases`), and what was reported.
Nothing is invented: a scope that is only likely has `sure = false`, a figure that had to be chosen has
`assumed = true`, and `told.unknown` says what remained unknown. `page` writes docs/reference/incidents.md.

This is the past, not a forecast: frequencies are not in here.
"""

from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec

from outlast.base.errors import ConfigError
from outlast.placement.domains import UNKNOWN, one_spelling
from outlast.placement.members import Domains
from outlast.providers.wrap.fault import Shape

Plane: TypeAlias = Literal["data", "control", "identity", "dns", "network", "billing"]
Hit: TypeAlias = Literal["yes", "no", "unknown"]

ERASED = "erased"
"""The one shape of a phase that is not a `Shape`: what was stored is lost."""

_kinds = ("operator", "region", "account", "software", "location")


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The providers that an incident hit: those with all of the given domains; "" matches any."""

    operator: str = ""
    region: str = ""
    account: str = ""
    software: str = ""
    location: str = ""
    sure: bool = True
    """False where no source says whether these were hit."""

    def __post_init__(self) -> None:
        if not any(getattr(self, kind) for kind in _kinds):
            raise ValueError("a scope without any domain matches every provider")

    def hits(self, domains: Domains) -> Hit:
        """Whether a provider with `domains` was in this scope; `unknown` if that cannot be decided."""
        answer: Hit = "yes" if self.sure else "unknown"
        for kind in _kinds:
            wanted, found = one_spelling(getattr(self, kind)), one_spelling(getattr(domains, kind))
            if not wanted or wanted == found:
                continue
            if found != UNKNOWN:
                return "no"
            answer = "unknown"
        return answer


class Phase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the affected providers did from `begin_s` to `end_s`, in seconds after the beginning."""

    begin_s: int
    end_s: int
    shape: str
    """A `Shape`, or `ERASED`."""
    share: float = 1.0
    """The share of requests that was hit, above 0 and at most 1."""
    reads: bool = True
    writes: bool = True
    assumed: bool = False
    """The source mentions this phase without figures: times or share are chosen, on the bad side."""

    def __post_init__(self) -> None:
        if self.shape not in {*Shape, ERASED}:
            raise ValueError(f"{self.shape} is no shape")
        if not 0 <= self.begin_s < self.end_s:
            raise ValueError("a phase ends after it begins")
        if not 0 < self.share <= 1:
            raise ValueError("a share is above 0 and at most 1")
        if not (self.reads or self.writes):
            raise ValueError("a phase hits reads, writes or both")


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sources say, in our words."""

    seen: str
    """What a client saw."""
    kept_working: str
    cause: str
    """As the provider gives it."""
    unknown: str = ""
    """What no source says, or where they disagree."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it was reported: by the provider (`post-mortem`, `status`), or by others (`press`)."""

    url: str
    title: str
    kind: Literal["post-mortem", "status", "press"]


class Incident(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One real outage."""

    id: str
    title: str
    began: datetime
    """UTC."""
    precision: Literal["minute", "day"] = "minute"
    """How exactly `began` is known. Of `day`, the time of day means nothing."""
    duration_s: int
    """Until the point that the source calls recovered."""
    ended: bool = True
    """False where no source gives the end: `duration_s` then lasts until the latest report."""
    permanent: bool = False
    """Whether something was lost permanently."""
    planes: tuple[Plane, ...]
    """What failed: reading and writing (`data`), managing, signing in, name resolution, ..."""
    scope: tuple[Scope, ...]
    phases: tuple[Phase, ...]
    told: Told
    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        if not (self.planes and self.scope and self.phases and self.sources):
            raise ValueError("planes, scope, phases and sources are all needed")
        begins = [phase.begin_s for phase in self.phases]
        if begins != sorted(begins):
            raise ValueError("phases are in the order of their beginnings")
        if max(phase.end_s for phase in self.phases) > self.duration_s:
            raise ValueError("no phase lasts longer than the incident")

    def hits(self, domains: Domains) -> Hit:
        """Whether a provider with `domains` would have been hit."""
        answers = {scope.hits(domains) for scope in self.scope}
        if "yes" in answers:
            return "yes"
        return "unknown" if "unknown" in answers else "no"


@cache
def load_incidents() -> tuple[Incident, ...]:
    """Every incident that is known, by id."""
    found = [
        msgspec.toml.decode(file.read_bytes(), type=Incident)
        for file in files(__name__).iterdir()
        if file.name.endswith(".toml")
    ]
    return tuple(sorted(found, key=lambda incident: incident.id))


def incident(incident_id: str) -> Incident:
    """The incident of that id. Raises `ConfigError` if there is none."""
    for one in load_incidents():
        if one.id == incident_id:
            return one
    known = ", ".join(one.id for one in load_incidents())
    raise ConfigError(f"there is no incident {incident_id}", remedy=f"one of {known}")
