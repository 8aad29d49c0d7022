"""A store as a seed describes it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from outlast.testing.siege.dice import Dice

Role: TypeAlias = Literal["", "data", "witness"]

KIB = 1024
small_bytes_max = 40 * KIB
large_sizes = (129 * KIB, 300 * KIB, 1100 * KIB)


@dataclass(frozen=True, slots=True)
class PlannedPlace:
    """One provider. `role` "": it votes and holds data, as far as it is needed for that."""

    name: str
    operator: str
    role: Role


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What is made. `possible` is the oracle's own count of what such a store needs."""

    tolerate: int
    places: tuple[PlannedPlace, ...]
    small: int
    """Small objects."""
    overwrites: int
    """Small objects that are written once more: the log keeps both."""
    large: int
    deleted: int
    """Large objects that are deleted: their fragments await collection."""
    while_away: int
    """Large objects that are written while a provider is away."""
    mistaken: bool
    """Whether fragments are called missing that are there, as of one that arrived late."""

    @property
    def operators(self) -> list[str]:
        return sorted({place.operator for place in self.places})

    @property
    def possible(self) -> bool:
        """Whether there are operators enough for the tolerance."""
        voting = {place.operator for place in self.places if place.role != "data"}
        holding = {place.operator for place in self.places if place.role != "witness"}
        return len(voting) >= 2 * self.tolerate + 1 and len(holding) >= self.tolerate + 1

    def of(self, operators: set[str]) -> set[str]:
        """The providers of these operators."""
        return {place.name for place in self.places if place.operator in operators}


def draw(dice: Dice) -> Blueprint:
    """A store that is possible."""
    while True:
        tolerate = dice.pick([0, 1, 1, 1, 1, 2])
        count = dice.integer(1, 4) if tolerate == 0 else dice.integer(2 * tolerate, 2 * tolerate + 4)
        blueprint = Blueprint(
            tolerate,
            tuple(_draw_place(dice, f"p{number}", count) for number in range(count)),
            dice.integer(0, 12),
            dice.pick([0, 0, 5, 30]),
            dice.integer(0, 4),
            dice.pick([0, 0, 1, 3]),
            dice.pick([0, 0, 1, 2]),
            dice.chance(0.25),
        )
        if blueprint.possible:
            return blueprint


def _draw_place(dice: Dice, name: str, count: int) -> PlannedPlace:
    operator = f"op{dice.integer(0, count - 1)}" if dice.chance(0.3) else f"of-{name}"
    return PlannedPlace(name, operator, dice.pick(["", "", "", "", "data", "witness"]))
