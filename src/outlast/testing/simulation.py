"""The simulator: production code under virtual time and a seed, so that it runs fast and repeatably.

    @simulated(seed=7)
    async def test_something(sim: Simulation) -> None:
        log = Log(..., clock=sim.clock, entropy=sim.entropy)
        await sim.clock.sleep(3600)             # takes no time at all
        await asyncio.wait_for(...)             # asyncio's own timeouts are virtual, too

    result = simulate(seed, main)               # the same for a function of one argument, `sim`

- `Simulation.clock` and `Simulation.entropy` are what components take; `sim.clock_of(offset_s)` is a
  second computer's clock that is wrong by that much, `sim.entropy_of(name)` an independent stream.
- `host = sim.host("g1")`, `host.spawn(coroutine)`; `host.crash()`: all tasks started on a host stop where
  they are, without a `finally` running, as after `kill -9`; `host.stop()`, `host.resume()`: as SIGSTOP and
  SIGCONT.
- `sim.note(...)` writes a line into `sim.trace`; `sim.fingerprint` is a checksum over every step taken.
- `Deadlock` is raised when all tasks wait for one another, `Overrun` when too much virtual time passed.
  Unretrieved errors (in callbacks and forgotten tasks) fail the run. Each failure names its seed.

Invariant: the same seed and code give the same trace and fingerprint, in any process, whenever the garbage
collector runs (`testing.loop`). The real clock cannot be read meanwhile.

It does not shuffle what is ready (asyncio promises first come, first served); different interleavings come
from the delays that `outlast.testing.network` draws from the seed.
"""

import asyncio
import functools
import gc
import inspect
import math
import zlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar
from unittest import mock

from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.testing.loop import (
    Deadlock,
    Host,
    Overrun,
    SimulatedLoop,
    SimulationError,
    current_host,
    virtual_s_max,
)

__all__ = [
    "EPOCH_S",
    "Deadlock",
    "Host",
    "Overrun",
    "SimulatedClock",
    "Simulation",
    "SimulationError",
    "current_host",
    "simulate",
    "simulated",
]

T = TypeVar("T")
P = ParamSpec("P")

EPOCH_S = 1_800_000_000.0
"""What `clock.now()` returns when a simulation begins."""
# At the end: cancelled tasks may start others, which are cancelled next. More rounds than this are a bug.
cancel_rounds_max = 20


class SimulatedClock(SystemClock):
    """The loop's virtual time; `offset_s` is how wrong this computer's wall clock is."""

    def __init__(self, loop: SimulatedLoop, offset_s: float = 0.0) -> None:
        self._loop = loop
        self._offset_s = offset_s

    def now(self) -> float:
        return EPOCH_S + self._offset_s + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()


class Simulation:
    """What a simulated program receives: time, entropy, computers, and a notebook."""

    def __init__(self, seed: int, loop: SimulatedLoop) -> None:
        self.seed = seed
        self.clock = SimulatedClock(loop)
        self.entropy = SeededEntropy(seed)
        self.trace: list[tuple[float, tuple[object, ...]]] = []
        self._loop = loop

    def clock_of(self, offset_s: float) -> SimulatedClock:
        """Return the clock of a computer whose wall clock is wrong by `offset_s`."""
        return SimulatedClock(self._loop, offset_s)

    def entropy_of(self, name: str) -> SeededEntropy:
        """Return an independent stream of entropy: what one part draws does not shift what another gets."""
        return SeededEntropy(self.seed << 32 | zlib.crc32(name.encode()))

    def host(self, name: str) -> Host:
        """Create a computer."""
        return Host(self._loop, name)

    def note(self, *what: object) -> None:
        """Write down an event, with the time."""
        self.trace.append((self._loop.time(), what))

    def mix(self, *numbers: int) -> None:
        """Add an event to the fingerprint, as unsigned 32-bit numbers."""
        self._loop.mix(*numbers)

    def fail(self, error: BaseException) -> None:
        """End the run with `error`, even if the code that detected it would catch it."""
        self._loop.fail(error)

    @property
    def fingerprint(self) -> int:
        """A checksum over the times of all steps so far, and what was mixed in."""
        return self._loop.fingerprint

    @property
    def steps(self) -> int:
        """How many callbacks have run so far: the run's cost, on any machine."""
        return self._loop.steps


def simulate(
    seed: int,
    main: Callable[[Simulation], Coroutine[Any, Any, T]],
    *,
    limit_s: float = virtual_s_max,
    steps_max: float = math.inf,
) -> T:
    """Run `main` under virtual time and return its result. Raises what it raises, with the seed as a note.

    `Overrun` is raised when it takes more than `limit_s` virtual seconds, or `steps_max` callbacks.
    """
    with _real_time_forbidden(), _collector_at_rest():
        loop = SimulatedLoop(limit_s, steps_max)
        try:
            result = loop.run_until_complete(main(Simulation(seed, loop)))
            _end(loop)
            if loop.failures:
                raise loop.failures[0]
            if loop.unhandled:
                raise BaseExceptionGroup("unhandled errors", loop.unhandled)
            return result
        except BaseException as error:
            error.add_note(f"simulation seed {seed}, at {loop.time():.6f} virtual seconds")
            _end(loop)
            raise
        finally:
            loop.close()


def simulated(
    seed: int = 1, *, limit_s: float = virtual_s_max
) -> Callable[[Callable[Concatenate[Simulation, P], Coroutine[Any, Any, T]]], Callable[P, T]]:
    """Turn a coroutine function, whose first parameter is the simulation, into a plain function.

    The other parameters stay: a test gets its fixtures through them.
    """

    def decorate(work: Callable[Concatenate[Simulation, P], Coroutine[Any, Any, T]]) -> Callable[P, T]:
        @functools.wraps(work)
        def run(*arguments: P.args, **named: P.kwargs) -> T:
            return simulate(seed, lambda sim: work(sim, *arguments, **named), limit_s=limit_s)

        signature = inspect.signature(work)
        rest = list(signature.parameters.values())[1:]
        run.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]  # for pytest
        del run.__wrapped__  # pytest must not take it for a coroutine function
        return run

    return decorate


def _end(loop: SimulatedLoop) -> None:
    """Cancel what still runs; what crashed hosts' tasks do in their `finally` is not judged."""
    loop.begin_the_end()
    _cancel_all(loop)
    loop.unhandled += loop.take_unseen()
    judged = len(loop.unhandled)
    loop.thaw()
    _cancel_all(loop)
    loop.run_until_complete(loop.close_generators())
    loop.take_unseen()
    del loop.unhandled[judged:]


def _cancel_all(loop: SimulatedLoop) -> None:
    """Cancel the tasks on running hosts, and those that they start when they are cancelled."""
    for _ in range(cancel_rounds_max):
        tasks = [task for task in loop.tasks() if task.host is None or not task.host.halted]
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        loop.run_until_complete(_all_ended(tasks))
    raise SimulationError("cancelled tasks start others without end: " + ", ".join(loop.waiting()))


async def _all_ended(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _real_time_forbidden() -> Iterator[None]:
    """Forbid reading the machine's clock, which would make runs differ."""

    def read(clock: SystemClock) -> float:
        raise SimulationError("the machine's own clock was read: use the simulation's")

    with mock.patch.object(SystemClock, "now", read), mock.patch.object(SystemClock, "monotonic", read):
        yield


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """A run creates its garbage for a second or so; collecting it meanwhile takes a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
