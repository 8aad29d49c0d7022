"""The simulator: production code under virtual time and a seed, so that it runs fast and repeatably.

    @simulated(seed=7)
    async def test_something(sim: Simulation) -> None:
        log = Log(..., clock=sim.clock, entropy=sim.entropy)
        await sim.clock.sleep(3600)             # takes no time at all
        await asyncio.wait_for(...)             # asyncio's own timeouts are virtual, too

    result = simulate(seed, main)               # the same for a function of one argument, `sim`

- `Simulation.clock` and `Simulation.entropy` are what components take; `sim.clock_of(offset_s)` is a
  second computer's clock that is wrong by that much, `sim.entropy_of(name)` an independent stream.
- `host = sim.host("g1")`, `host.spawn(coroutine)`; `host.crash()`: all tasks begun on a host stop where they
  are, without a `finally` running, as after `kill -9`; `host.stop()`, `host.resume()`: as SIGSTOP, SIGCONT.
- `sim.note(...)` writes a line into `sim.trace`; `sim.fingerprint` is a checksum over every step taken.
- `Deadlock` is raised when everybody waits for somebody else, `Overrun` when too much virtual time passed.
  Errors that nobody looked at (in callbacks and forgotten tasks) fail the run. Each failure names its seed.

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
"""What `clock.now()` says when a simulation begins."""
# In the end: cancelled tasks may begin others, which are cancelled next. More rounds than this are a bug.
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
    """What a simulated program is given: time, chance, computers, and a notebook."""

    def __init__(self, seed: int, loop: SimulatedLoop) -> None:
        self.seed = seed
        self.clock = SimulatedClock(loop)
        self.entropy = SeededEntropy(seed)
        self.trace: list[tuple[float, tuple[object, ...]]] = []
        self._loop = loop

    def clock_of(self, offset_s: float) -> SimulatedClock:
        """The clock of a computer whose wall clock is wrong by `offset_s`."""
        return SimulatedClock(self._loop, offset_s)

    def entropy_of(self, name: str) -> SeededEntropy:
        """A stream of chance of its own: what one part draws does not shift what another gets."""
        return SeededEntropy(self.seed << 32 | zlib.crc32(name.encode()))

    def host(self, name: str) -> Host:
        """A new computer."""
        return Host(self._loop, name)

    def note(self, *what: object) -> None:
        """Write down what happened, with the time."""
        self.trace.append((self._loop.time(), what))

    def mix(self, *numbers: int) -> None:
        """Put what happened into the fingerprint, as unsigned 32-bit numbers."""
        self._loop.mix(*numbers)

    def fail(self, error: BaseException) -> None:
        """End the run with `error`, whoever would catch it where it was found."""
        self._loop.fail(error)

    @property
    def fingerprint(self) -> int:
        """A checksum over the times of all steps so far, and what was mixed in."""
        return self._loop.fingerprint

    @property
    def steps(self) -> int:
        """Callbacks run so far: what the run cost, on any machine."""
        return self._loop.steps


def simulate(
    seed: int,
    main: Callable[[Simulation], Coroutine[Any, Any, T]],
    *,
    limit_s: float = virtual_s_max,
    steps_max: float = math.inf,
) -> T:
    """Run `main` under virtual time; its result. Raises what it raises, with the seed in the traceback.

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
                raise BaseExceptionGroup("errors that nobody caught", loop.unhandled)
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
    """Make a coroutine function whose first parameter is the simulation a plain function that simulates it.

    The other parameters stay: a test gets its fixtures through them.
    """

    def decorate(work: Callable[Concatenate[Simulation, P], Coroutine[Any, Any, T]]) -> Callable[P, T]:
        @functools.wraps(work)
        def run(*arguments: P.args, **named: P.kwargs) -> T:
            return simulate(seed, lambda sim: work(sim, *arguments, **named), limit_s=limit_s)

        signature = inspect.signature(work)
        rest = list(signature.parameters.values())[1:]
        run.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]  # for pytest
        del run.__wrapped__  # nobody shall take it for a coroutine function
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
    """Cancel the tasks on hosts that run, and those that they begin when they are cancelled."""
    for _ in range(cancel_rounds_max):
        tasks = [task for task in loop.tasks() if task.host is None or not task.host.halted]
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        loop.run_until_complete(_all_ended(tasks))
    raise SimulationError("cancelled tasks begin others without end: " + ", ".join(loop.waiting()))


async def _all_ended(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _real_time_forbidden() -> Iterator[None]:
    """Whoever reads the machine's clock in a simulation makes its runs differ."""

    def read(clock: SystemClock) -> float:
        raise SimulationError("the machine's own clock was read: take the simulation's")

    with mock.patch.object(SystemClock, "now", read), mock.patch.object(SystemClock, "monotonic", read):
        yield


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """A run makes its garbage for a second or so; collecting it meanwhile takes a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
