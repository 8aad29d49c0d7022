"""The event loop of the simulator: asyncio under virtual time, with computers that can crash and stop.

Intuition: the loop runs what is ready; when nothing is, the clock jumps to the next timer. Nothing else
makes time pass. Each callback belongs to the host on which it was set up (a context variable, inherited by
every task that a task starts); a callback of a host that crashed or is stopped is parked instead of run.

Invariant: which callbacks run, and in which order, depends on the program alone. So the loop leaves nothing
to the garbage collector: it owns every task until it has ended, every failure until it has been retrieved
or the run is over, and an async generator that only a collection finds until the end. Tasks and futures hash
by their serial numbers, so that sets of them have the same order in each run. Timers that are due at the same
moment fire in the order in which they were set.

It has no I/O: sockets raise `NotImplementedError`. Thread work runs at once, in the loop.
"""

import asyncio
import gc
import heapq
import math
import struct
import threading
import zlib
from asyncio.base_events import BaseEventLoop, _run_until_complete_cb  # type: ignore[attr-defined]  # private
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextvars import Context, ContextVar, copy_context
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")

virtual_s_max = 7 * 24 * 3600.0
"""A simulation whose main function has not ended by then is considered hanging."""
callbacks_at_once_max = 1_000_000
"""More callbacks than this at one moment of virtual time are considered a loop that never waits."""
# Ended tasks are released when the list has doubled, but not for fewer than these.
sweep_tasks_min = 64


class SimulationError(Exception):
    """The simulated run cannot go on."""


class Deadlock(SimulationError):
    """All tasks wait, and no timer is set that could wake one."""


class Overrun(SimulationError):
    """Too much virtual time has passed, or too much happened at one moment of it."""


_host: ContextVar["Host | None"] = ContextVar("host", default=None)


class Host:
    """A simulated computer: its tasks, and all that they start, can crash, or be suspended for a while."""

    def __init__(self, loop: "SimulatedLoop", name: str) -> None:
        self.name = name
        self.crashed = False
        self.stopped = False
        self.died = asyncio.Event()
        """Set by the crash, for tasks elsewhere whose connections break then."""
        self._loop = loop
        self._context = copy_context()
        self._context.run(_host.set, self)
        self._parked: list[_Handle] = []
        loop.hosts.append(self)

    @property
    def halted(self) -> bool:
        """Whether nothing of this host runs."""
        return self.crashed or self.stopped

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run the coroutine on this host. Each task gets a context of its own."""
        return self._loop.create_task(coroutine, context=self._context.copy())

    def crash(self) -> None:
        """From here on nothing of this host runs: no further step, no `finally`, no timer.

        If a task of the host itself calls this, that task still runs to its next `await`.
        """
        self.crashed = not self._loop.over  # at the end every task must still be able to end
        self.died.set()

    def stop(self) -> None:
        """Suspend, as after SIGSTOP, until `resume`. Called from a task of the host: like `crash`."""
        self.stopped = not self._loop.over

    def resume(self) -> None:
        """Continue with the same memory; timers that were due meanwhile fire late."""
        self.stopped = False
        if not self.crashed:
            self.release()

    def park(self, handle: "_Handle") -> None:
        """Keep what was due while the host was halted. For the loop."""
        self._parked.append(handle)

    def release(self) -> None:
        """Run what was parked after all. For the loop."""
        self._loop.run_again(self._parked)
        self._parked = []


def current_host() -> Host | None:
    """Return the host on which the caller runs; None for code outside of all hosts."""
    return _host.get()


class _SerialFuture(asyncio.Future[Any]):
    """A future with the same hash in each run, whose failure the loop tracks."""

    def __init__(self, serial: int, loop: "SimulatedLoop") -> None:
        super().__init__(loop=loop)
        self._serial = serial
        self._owner = loop
        self.host = _host.get()

    def __hash__(self) -> int:
        return self._serial

    def set_exception(self, exception: type | BaseException, /) -> None:
        super().set_exception(exception)
        self._owner.own(self)


class _SerialTask(asyncio.Task[Any]):
    """A task with the same hash in each run, which knows the host on which it runs."""

    def __init__(
        self, serial: int, coroutine: Coroutine[Any, Any, Any], loop: "SimulatedLoop", context: Context | None
    ) -> None:
        self._serial = serial  # before the base class, which puts the task into a set
        context = copy_context() if context is None else context
        self.host = context.get(_host)
        super().__init__(coroutine, name=f"sim-{serial}", loop=loop, context=context)

    def __hash__(self) -> int:
        return self._serial


class _Handle(asyncio.Handle):
    """A callback to be run. Half of a run's time goes into these: only what the loop needs is set."""

    _callback: Callable[..., object]
    _args: Sequence[Any]
    _context: Context
    _cancelled: bool

    def __init__(
        self, callback: Callable[..., object], args: Sequence[Any], loop: Any, context: Context
    ) -> None:
        self._callback, self._args, self._loop, self._context = callback, args, loop, context
        self._cancelled, self._repr, self._source_traceback = False, None, None


class _Timer(asyncio.TimerHandle, _Handle):
    """A callback for later."""

    def __init__(
        self, when: float, callback: Callable[..., object], args: Sequence[Any], loop: Any, context: Context
    ) -> None:
        _Handle.__init__(self, callback, args, loop, context)
        self._when, self._scheduled = when, False  # False: cancelling does not notify the loop


class SimulatedLoop(BaseEventLoop):
    """An event loop under virtual time. Seconds begin at 0."""

    _ready: deque[_Handle]  # from BaseEventLoop, unknown to the stubs
    _stopping: bool

    def __init__(self, limit_s: float = virtual_s_max, steps_max: float = math.inf) -> None:
        super().__init__()
        self._time_s = 0.0
        self._limit_s = limit_s
        self._steps_max = steps_max
        self.over = False
        """Whether the run has ended, and all that is left is cancelled."""
        self.steps = 0
        """How many callbacks have run so far."""
        self._callbacks_at_once = 0
        self._serials = count(1)
        self._timers: list[tuple[float, int, _Timer]] = []
        self._owned: list[_SerialFuture | _SerialTask] = []
        self._sweep_at = sweep_tasks_min
        self._limbo: list[AsyncGenerator[Any, Any]] = []
        self.hosts: list[Host] = []
        self._thread = threading.get_ident()
        self.failures: list[BaseException] = []
        """The errors passed to `fail`; the first one ends the run."""
        self.fingerprint = 0
        self.unhandled: list[BaseException] = []
        self.set_task_factory(self._make_task)
        self.set_exception_handler(self._note_unhandled)

    def time(self) -> float:
        return self._time_s

    def mix(self, *numbers: int) -> None:
        """Add an event to the fingerprint, as unsigned 32-bit numbers."""
        self.fingerprint = zlib.crc32(struct.pack(f"<{len(numbers)}I", *numbers), self.fingerprint)

    def fail(self, error: BaseException) -> None:
        """End the run with this error once the current callback has returned. The first one counts."""
        self.failures.append(error)

    def waiting(self) -> list[str]:
        """Return the tasks waiting on running hosts, by the function that each runs, in order of creation."""
        tasks = (task for task in self.tasks() if task.host is None or not task.host.halted)
        return [getattr(task.get_coro(), "__qualname__", "?") for task in tasks]

    def tasks(self) -> list[_SerialTask]:
        """Return the tasks that have not ended, in order of creation."""
        return [one for one in self._owned if isinstance(one, _SerialTask) and not one.done()]

    # ------------------------------------------------------------ running

    def _run_once(self) -> None:
        ready = self._ready
        if not ready:
            self._advance()
        self._fire_timers()
        self.steps += len(ready)
        self._callbacks_at_once += len(ready)
        if self._callbacks_at_once > callbacks_at_once_max and not self.over:
            raise Overrun("a task runs without ever waiting: " + ", ".join(self.waiting()))
        if self.steps > self._steps_max and not self.over:
            raise Overrun(f"{self._steps_max} callbacks; waiting: " + ", ".join(self.waiting()))
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            host = handle._context.get(_host)
            if host is not None and host.halted:
                host.park(handle)
                continue
            try:
                handle._context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.unhandled.append(error)
            if self.failures and not self.over:
                self.over = True
                self._forget_stop()
                raise self.failures[0]

    def _forget_stop(self) -> None:
        """The main function may just have ended: its stop callback is not needed any more."""
        rest = [handle for handle in self._ready if handle._callback is not _run_until_complete_cb]
        self._ready.clear()
        self._ready.extend(rest)

    def _advance(self) -> None:
        """Let time pass until the next timer is due, and add the step to the fingerprint."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            if self._stopping:
                return
            raise Deadlock("all tasks wait: " + ", ".join(self.waiting()))
        self._time_s = max(self._time_s, timers[0][0])
        self._callbacks_at_once = 0
        self.fingerprint = zlib.crc32(struct.pack("<dI", self._time_s, len(timers)), self.fingerprint)
        if self._time_s > self._limit_s and not self.over:
            waiting = ", ".join(self.waiting())
            raise Overrun(f"{self._limit_s} virtual seconds have passed; waiting: {waiting}")

    def _fire_timers(self) -> None:
        timers, now = self._timers, self._time_s
        while timers and timers[0][0] <= now:
            handle = heapq.heappop(timers)[2]
            if not handle._cancelled:
                self._ready.append(handle)

    def call_at(  # type: ignore[override]  # the stub's TypeVarTuple says the same
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, copy_context() if context is None else context)
        heapq.heappush(self._timers, (when, next(self._serials), timer))
        return timer

    def call_soon(  # type: ignore[override]  # the stub's TypeVarTuple says the same
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]  # the stub's TypeVarTuple says the same
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread:
            raise SimulationError("a thread of its own has no place in a simulation")
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":  # type: ignore[override]  # the stub's TypeVarTuple says the same
        """Run it at once; the answer comes one turn later, since the caller of a real thread always waits."""
        future = self.create_future()
        try:
            result = func(*args)
        except Exception as error:
            self.call_soon(_settle, future, None, error)
        else:
            self.call_soon(_settle, future, result, None)
        return future

    # ------------------------------------------------------------ hosts

    def run_again(self, handles: Iterable[_Handle]) -> None:
        """Run these callbacks in their order, after all that is ready."""
        self._ready.extend(handles)

    def begin_the_end(self) -> None:
        """From here on tasks are only cancelled: no limit applies any more, and no host crashes."""
        self.over = True

    def thaw(self) -> None:
        """Let halted hosts run again, so that their tasks can be cancelled at the end."""
        for host in self.hosts:
            host.crashed = host.stopped = False
            host.release()

    # ------------------------------------------------------------ nothing is left to the garbage collector

    def _make_task(
        self, _: asyncio.AbstractEventLoop, coroutine: Any, *, context: Context | None = None
    ) -> "asyncio.Task[Any]":
        task = _SerialTask(next(self._serials), coroutine, self, context)
        self.own(task)
        return task

    def create_future(self) -> "asyncio.Future[Any]":
        return _SerialFuture(next(self._serials), self)

    def own(self, future: _SerialFuture | _SerialTask) -> None:
        """Keep it until it has ended and, if it failed, its error has been retrieved."""
        self._owned.append(future)
        if len(self._owned) > self._sweep_at:
            self._owned = [one for one in self._owned if not one.done() or _is_unseen(one)]
            self._sweep_at = max(sweep_tasks_min, 2 * len(self._owned))

    def take_unseen(self) -> list[BaseException]:
        """Return unretrieved failures on running hosts; they count as retrieved from now on."""
        unseen = [one for one in self._owned if one.done() and _is_unseen(one)]
        judged = [one for one in unseen if one.host is None or not one.host.halted]
        return [error for future in judged if (error := future.exception()) is not None]

    def _asyncgen_finalizer_hook(self, generator: AsyncGenerator[Any, Any]) -> None:
        if _Collection.under_way:
            self._limbo.append(generator)
        else:
            super()._asyncgen_finalizer_hook(generator)  # type: ignore[misc]  # unknown to the stubs

    async def close_generators(self) -> None:
        """Close the async generators that were started and never finished."""
        await self.shutdown_asyncgens()
        for generator in self._limbo:
            await generator.aclose()

    # ------------------------------------------------------------ what a loop with real I/O would do here

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list, "there are no sockets"

    def _note_unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.unhandled.append(context.get("exception") or SimulationError(context["message"]))


class _Collection:
    """Whether the garbage collector is running, as opposed to a last reference having been dropped."""

    under_way = False

    @classmethod
    def changed(cls, phase: str, info: dict[str, int]) -> None:
        cls.under_way = phase == "start"


gc.callbacks.append(_Collection.changed)


def _is_unseen(future: "asyncio.Future[Any]") -> bool:
    return bool(future._log_traceback)  # asyncio's own mark


def _settle(future: "asyncio.Future[Any]", result: object, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
