"""Units that fail and are repaired, and where the system's state comes from.

The words are those of reliability engineering (Rausand, Barros, Hoyland, "System Reliability Theory", 3rd
edition, 2021). A *unit* (a basic event) alternates between working and failed: an alternating renewal
process. While it works it fails at a constant rate; how long it stays failed has any distribution. Units fail
independently of each other. What fails together does so through a unit of its own, a *shared cause*, which
the structure function lets take down all that depend on it; the beta-factor model is the simplest example.
"""

from dataclasses import dataclass

from outlast.outages.simulate.durations import Duration

HOURS_PER_YEAR = 8760.0


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing that fails and is repaired. `rate` is in failures a year of working.

    `self_healing`: it ends by itself, as an outage at a cloud does; none of our repairers is needed.
    """

    name: str
    rate: float
    repair: Duration
    self_healing: bool = False


@dataclass(frozen=True, slots=True)
class Process:
    """The units, and how many of them can be under repair at once (None: each has its own repairer).

    Repairs are first come, first served. At the start everything works.
    """

    units: tuple[Unit, ...]
    repairers: int | None = None

    @property
    def rate(self) -> float:
        """How often a year something fails, as long as everything works."""
        return sum(unit.rate for unit in self.units)
