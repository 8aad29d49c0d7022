"""A bounded pool of threads for one provider's blocking calls, which are never joined.

The loop's default pool is not suitable: one hanging disk would fill it and hang everything. Nor is a separate
standard executor: it joins its threads when the interpreter exits, so a call stuck in the kernel would keep
the process from ending, and each call costs twice as much.

Invariant: at most `threads` calls run and `waiting_max` wait; the next one is refused at once. A call whose
caller gives up before it begins is not made, and keeps nothing alive.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from outlast.base.errors import OutlastError

T = TypeVar("T")


class Saturated(OutlastError):
    """All threads are busy, and the maximum number of calls is waiting."""


@dataclass(slots=True, eq=False)
class _Call:
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Any]"
    function: Callable[..., Any]
    arguments: tuple[object, ...] | None
    """None after the caller gave up: arguments may be megabytes, and all threads may hang."""

    def release(self, answer: "asyncio.Future[Any]") -> None:
        """Drop the arguments: the call was answered or its caller gave up."""
        self.arguments = None


class Lane:
    """Runs blocking functions for one event loop at a time, in `threads` threads that start when needed."""

    def __init__(self, name: str, threads: int, waiting_max: int) -> None:
        self._name = name
        self._threads = threads
        self._waiting_max = waiting_max
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._started = False
        self._closed = False

    def run(self, function: Callable[..., T], *arguments: object) -> "asyncio.Future[T]":
        """The future result of `function(*arguments)`. Raises `Saturated`."""
        assert not self._closed, f"{self._name} is closed"
        if self._calls.qsize() >= self._waiting_max:
            raise Saturated(self._name)
        if not self._started:
            self._start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        call = _Call(loop, answer, function, arguments)
        answer.add_done_callback(call.release)
        self._calls.put(call)
        return answer

    def close(self) -> None:
        """Let the threads end after the queued calls. A thread that hangs is left to the kernel."""
        if self._closed:
            return
        self._closed = True
        if self._started:
            for _ in range(self._threads):
                self._calls.put(None)

    def _start(self) -> None:
        self._started = True
        for number in range(self._threads):
            threading.Thread(
                target=_work, args=(self._calls,), name=f"{self._name}-{number}", daemon=True
            ).start()


def _work(calls: "SimpleQueue[_Call | None]") -> None:
    while (call := calls.get()) is not None:
        arguments = call.arguments
        if arguments is None or call.answer.cancelled():
            continue
        try:
            result, error = call.function(*arguments), None
        except BaseException as raised:  # whatever it is, the caller gets it
            result, error = None, raised
        try:
            call.loop.call_soon_threadsafe(_deliver, call.answer, result, error)
        except RuntimeError:
            pass  # the loop has closed: no caller waits for the answer
        # Do not keep the last call's buffers alive while waiting for the next.
        del call, arguments, result, error


def _deliver(answer: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
