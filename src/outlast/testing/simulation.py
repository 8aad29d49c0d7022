"""The simulator: an asyncio event loop under virtual time, so that production code runs fast and repeatably.

    async def main(sim: Simulation) -> int:
        log = Log(..., clock=sim.clock, entropy=sim.entropy)
        await sim.clock.sleep(3600)             # takes no time at all
        return await asyncio.wait_for(...)      # asyncio's own timeouts are virtual, too

    result = simulate(seed, main)

- `Simulation.clock` and `Simulation.entropy` are what components take; `sim.clock_of(offset_s)` is a
  second computer's clock that is wrong by that much, `sim.entropy_of(name)` an independent stream.
- `host = sim.host("g1")`, `host.spawn(coroutine)`, `host.crash()`: all tasks begun on a host stop where
  they are, without a `finally` running, as after `kill -9`.
- `sim.note(...)` writes a line into `sim.trace`; `sim.fingerprint` is a checksum over every step taken.
- `Deadlock` is raised when everybody waits for somebody else, `Overrun` when `virtual_s_max` have passed.
  Errors that nobody caught (in callbacks and forgotten tasks) fail the run. Each failure names its seed.

Intuition: the loop runs what is ready; when nothing is, the clock jumps to the next timer. Nothing else
makes time pass. Thread work runs at once, in the loop. There is no real I/O: sockets raise
`NotImplementedError`.

Invariant: the same seed and code give the same trace and fingerprint, in any process. Tasks and futures
hash by their serial numbers, so that asyncio's own sets of tasks have the same order each time.

It does not shuffle what is ready (asyncio promises first come, first served); different interleavings come
from the delays that `outlast.testing.network` draws from the seed.
"""

import asyncio
import math
import struct
import zlib
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy

T = TypeVar("T")

EPOCH_S = 1_800_000_000.0
"""What `clock.now()` says when a simulation begins."""

virtual_s_max = 7 * 24 * 3600.0
"""A simulation whose main function has not ended by then is taken for hanging."""


class SimulationError(Exception):
    """The simulated run cannot go on."""


class Deadlock(SimulationError):
    """Everybody waits, and no timer is set that could wake anybody."""


class Overrun(SimulationError):
    """Too much virtual time has passed."""


class _SerialFuture(asyncio.Future[Any]):
    """A future with the same hash in each run."""

    def __init__(self, serial: int, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._serial = serial

    def __hash__(self) -> int:
        return self._serial


class _SerialTask(asyncio.Task[Any]):
    """A task with the same hash in each run, that knows on which host it runs."""

    def __init__(
        self, serial: int, coroutine: Coroutine[Any, Any, Any], loop: "SimulatedLoop", context: Context | None
    ) -> None:
        self._serial = serial  # before the base class, which puts the task into a set
        context = copy_context() if context is None else context
        self.host = context.get(_host)
        super().__init__(coroutine, name=f"sim-{serial}", loop=loop, context=context)

    def __hash__(self) -> int:
        return self._serial


_host: ContextVar["Host | None"] = ContextVar("host", default=None)


class Host:
    """A simulated computer: the tasks begun on it, and all that they begin, can be made to stop dead."""

    def __init__(self, loop: "SimulatedLoop", name: str) -> None:
        self.name = name
        self.crashed = False
        self.died = asyncio.Event()
        """Set by the crash, for those elsewhere whose connections break then."""
        self._loop = loop
        self._context = copy_context()
        self._context.run(_host.set, self)

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run the coroutine on this host. Each task gets a context of its own."""
        return self._loop.create_task(coroutine, context=self._context.copy())

    def crash(self) -> None:
        """From here on nothing of this host runs: no further step, no `finally`, no timer.

        Called from a task of the host itself, that task still runs to its next `await`.
        """
        self.crashed = True
        self._loop.freeze(self)
        self.died.set()


class _VirtualSelector:
    """Stands where asyncio waits for sockets: instead of waiting it moves the clock."""

    def __init__(self, loop: "SimulatedLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("everybody waits: " + ", ".join(self._loop.waiting()))
        self._loop.advance(timeout)
        return []


class SimulatedLoop(BaseEventLoop):
    """An event loop under virtual time. Seconds begin at 0."""

    _ready: deque[asyncio.Handle]  # from BaseEventLoop, unknown to the stubs
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, limit_s: float = virtual_s_max) -> None:
        super().__init__()
        self._selector = _VirtualSelector(self)
        self._time_s = 0.0
        self.limit_s = limit_s
        self._serial = 0
        self._frozen: list[asyncio.Handle] = []
        self._crashed: list[Host] = []
        self.fingerprint = 0
        self.unhandled: list[BaseException] = []
        self.set_task_factory(self._make_task)
        self.set_exception_handler(self._note_unhandled)

    def time(self) -> float:
        return self._time_s

    def advance(self, seconds: float) -> None:
        """Let time pass, and put the step into the fingerprint."""
        self._time_s += seconds
        self.fingerprint = zlib.crc32(struct.pack("<dI", self._time_s, len(self._ready)), self.fingerprint)
        if self._time_s > self.limit_s:
            raise Overrun(
                f"{self.limit_s} virtual seconds have passed; waiting: " + ", ".join(self.waiting())
            )

    def waiting(self) -> list[str]:
        """The tasks that have not ended, by the function that each runs, in order of birth."""
        return [getattr(task.get_coro(), "__qualname__", "?") for task in self.tasks()]

    def tasks(self) -> list["_SerialTask"]:
        """The tasks that have not ended, in order of birth."""
        tasks = [task for task in asyncio.all_tasks(self) if isinstance(task, _SerialTask)]
        return sorted(tasks, key=hash)

    # -- determinism

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial

    def _make_task(
        self, _: asyncio.AbstractEventLoop, coroutine: Any, *, context: Context | None = None
    ) -> "asyncio.Task[Any]":
        return _SerialTask(self._next_serial(), coroutine, self, context)

    def create_future(self) -> "asyncio.Future[Any]":
        return _SerialFuture(self._next_serial(), loop=self)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":  # type: ignore[override]  # the stub's TypeVarTuple says the same
        """Run it at once; the answer comes one turn later, as the caller of a real thread always waits."""
        future = self.create_future()
        try:
            result = func(*args)
        except Exception as error:
            self.call_soon(_settle, future, None, error)
        else:
            self.call_soon(_settle, future, result, None)
        return future

    # -- crashes

    def call_soon(  # type: ignore[override]  # the stub's TypeVarTuple says the same
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if _is_crashed(context):
            handle = asyncio.Handle(callback, args, self, context)
            self._frozen.append(handle)
            return handle
        return super().call_soon(callback, *args, context=context)

    def freeze(self, host: Host) -> None:
        """Take everything that the host was about to do out of the queues."""
        self._crashed.append(host)
        for handle in [*self._ready, *self._scheduled]:
            if handle.cancelled() or handle._context.get(_host) is not host:  # type: ignore[attr-defined]  # private
                continue
            if not isinstance(handle, asyncio.TimerHandle):
                copy = asyncio.Handle(handle._callback, handle._args, self, handle._context)  # type: ignore[attr-defined]  # private
                self._frozen.append(copy)
            handle.cancel()

    def thaw(self) -> None:
        """Let crashed hosts run again, so that their tasks can be cancelled when all is over."""
        for host in self._crashed:
            host.crashed = False
        self._ready.extend(self._frozen)
        self._frozen.clear()

    # -- what a loop with real I/O would do here

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list, "there are no sockets"

    def _write_to_self(self) -> None:
        """`call_soon_threadsafe` would wake the selector here; there is one thread, and it is awake."""

    def _note_unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.unhandled.append(context.get("exception") or SimulationError(context["message"]))


def _is_crashed(context: Context | None) -> bool:
    host = _host.get() if context is None else context.get(_host)
    return host is not None and host.crashed


def _settle(future: "asyncio.Future[Any]", result: object, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


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

    @property
    def fingerprint(self) -> int:
        """A checksum over the times and sizes of all steps so far."""
        return self._loop.fingerprint


def simulate(
    seed: int, main: Callable[[Simulation], Coroutine[Any, Any, T]], *, limit_s: float = virtual_s_max
) -> T:
    """Run `main` under virtual time; its result. Raises what it raises, with the seed in the traceback."""
    loop = SimulatedLoop(limit_s)
    try:
        result = loop.run_until_complete(main(Simulation(seed, loop)))
        _end(loop)
        if loop.unhandled:
            raise BaseExceptionGroup("errors that nobody caught", loop.unhandled)
        return result
    except BaseException as error:
        error.add_note(f"simulation seed {seed}, at {loop.time():.6f} virtual seconds")
        _end(loop)
        raise
    finally:
        loop.close()


def _end(loop: SimulatedLoop) -> None:
    """Cancel what still runs; what crashed hosts' tasks do in their `finally` is not judged."""
    loop.limit_s = math.inf
    tasks = loop.tasks()
    _cancel(loop, [task for task in tasks if task.host is None or not task.host.crashed])
    judged = len(loop.unhandled)
    loop.thaw()
    _cancel(loop, loop.tasks())
    loop.run_until_complete(loop.shutdown_asyncgens())
    del loop.unhandled[judged:]


def _cancel(loop: SimulatedLoop, tasks: Sequence["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(_all_ended(tasks))


async def _all_ended(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
