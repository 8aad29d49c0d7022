"""The smallest options that still fail: parts are removed, one after the other, as long as the run fails.

Greedy: first the faults, then whole seats, clients, operations, and special conditions (storms, crash points,
constants, clocks). A smaller run that fails in another way does not count: it might be another bug.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from outlast.testing.swarm.options import Options, Seat, seat_kinds
from outlast.testing.swarm.run import RunOutcome, run

# A failing seed costs seconds: this many smaller runs at most.
attempts_max = 60


def shrink(
    failed: RunOutcome, attempts: int = attempts_max, again: Callable[[Options], RunOutcome] = run
) -> RunOutcome:
    """Return the failure with the smallest options found within that many attempts."""
    smallest, tried = failed, 0
    shrunk = True
    while shrunk:
        shrunk = False
        for options in _smaller(smallest.options):
            if tried == attempts:
                return smallest
            tried += 1
            outcome = again(options)
            if outcome.violation == failed.violation:
                smallest, shrunk = outcome, True
                break
    return smallest


def _smaller(options: Options) -> Iterator[Options]:
    """Yield the options with less of one thing, the largest reduction first."""
    faults, seats = options.faults, options.seats
    if len(faults) > 1:
        yield replace(options, faults=())
        yield replace(options, faults=faults[: len(faults) // 2])
        yield replace(options, faults=faults[len(faults) // 2 :])
    for number in range(len(faults)):
        yield replace(options, faults=faults[:number] + faults[number + 1 :])
    if len(seats) > 1:
        yield _without_seat(options, len(seats) - 1)
    if options.crash_at_points:
        yield replace(options, crash_at_points=0.0)
    for number, seat in enumerate(seats):
        for plainer in _plainer(seat):
            yield replace(options, seats=(*seats[:number], plainer, *seats[number + 1 :]))
    optional = [
        knob for knob in options.knobs if knob[0].startswith(("outlast.quorum", "outlast.maintenance"))
    ]
    if optional:
        yield replace(options, knobs=tuple(knob for knob in options.knobs if knob not in optional))
    for knob in optional:
        yield replace(options, knobs=tuple(one for one in options.knobs if one != knob))


def _without_seat(options: Options, number: int) -> Options:
    """Return the options without the last seat and its faults."""
    kept = tuple(fault for fault in options.faults if fault.kind not in seat_kinds or fault.target != number)
    return replace(options, seats=options.seats[:number], faults=kept)


def _plainer(seat: Seat) -> Iterator[Seat]:
    if seat.stormy:
        yield replace(seat, stormy=False)
    if seat.clients > 1:
        yield replace(seat, clients=1)
    if seat.operations > 1:
        yield replace(seat, operations=seat.operations // 2)
    if seat.clock_offset_s:
        yield replace(seat, clock_offset_s=0.0)
    if seat.slow_s:
        yield replace(seat, slow_s=0.0)
    if seat.command:
        yield replace(seat, command=False)
    if seat.on_disk:
        yield replace(seat, on_disk=False)
