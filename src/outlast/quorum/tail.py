"""Where the log ends, as far as it matters to somebody who is behind.

Beside a gateway that writes without a pause, who follows slot by slot never gets to the end: to ask takes as
long as the next slot does. But nobody needs the end. A reader needs what was decided before it began to
ask, and that has a bound, which asking about a few slots far apart finds in two round trips: a slot of which
a majority holds nothing accepted. Neither it nor any later one had been decided then.
"""

import asyncio
from collections.abc import Callable, Iterable

from outlast.quorum.slot import Slot

SlotAt = Callable[[int], Slot]

# Slots asked about at once.
PROBES = 8


async def ask_all(slots: Iterable[Slot]) -> list[Slot]:
    """Ask about all of them at once."""
    asked = list(slots)
    await asyncio.gather(*(slot.ask() for slot in asked))
    return asked


async def newest_possible(slot_at: SlotAt, known: int) -> int | None:
    """A slot beyond which nothing had been decided when this was called, and not far beyond the last one.

    `known` is a decided slot. None if no majority tells.
    """
    low = known
    while True:
        asked = await ask_all(slot_at(low + (1 << i)) for i in range(PROBES))
        end = _first_open(asked)
        if end is not None:
            break
        if any(slot.tally.hopeless() for slot in asked):
            return None
        low = asked[-1].number
    low = max((slot.number for slot in asked if slot.number < end), default=low)
    step = max(1, (end - low) // PROBES)
    nearer = _first_open(await ask_all(slot_at(number) for number in range(low + step, end, step)))
    return (end if nearer is None else nearer) - 1


def _first_open(asked: Iterable[Slot]) -> int | None:
    return next((slot.number for slot in asked if slot.tally.open()), None)
