"""Waiting for the first few of many, and moving slow hashes off the event loop.

`first_k` is the shape of everything here: ask several providers at once, go on when enough have
answered. Results are looked at in the order of the arguments, never in the order of a set, so that a
simulated run is the same each time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

# After how long work that has failed unexpectedly begins anew: often enough for a provider's watch, seldom
# enough for a log of errors.
again_after_s = 5.0


async def offload(function: Callable[..., T], *arguments: object) -> T:
    """Run a function that releases the GIL (a hash over a large buffer) in the loop's thread pool."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


async def wait_first(
    tasks: Sequence["asyncio.Task[T]"], enough: Callable[[], bool], timeout: float | None = None
) -> None:
    """Wait until `enough()` holds, all `tasks` are done, or `timeout` seconds have passed.

    `enough` is asked after each completion. Nothing is cancelled: what to do with the rest is the
    caller's decision.
    """
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    pending = [task for task in tasks if not task.done()]
    while pending and not enough():
        left = None if deadline is None else deadline - loop.time()
        if left is not None and left <= 0:
            return
        await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        pending = [task for task in pending if not task.done()]


async def cancel_and_wait(tasks: Sequence["asyncio.Task[T]"]) -> None:
    """Cancel the tasks that still run and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def run_again(
    work: Callable[[], Awaitable[object]],
    report: Callable[[BaseException], None],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Run `work`, which never ends, until cancelled.

    An error is a bug of ours. It is passed to `report`, and a moment later the work begins anew, for others
    rely on it.
    """
    while True:
        try:
            await work()
        except Exception as error:
            report(error)
        await sleep(again_after_s)


class Background:
    """Tasks that outlive the call which started them (stragglers), held so that `close` can end them.

    A failure in one is passed to `report`; it never vanishes.
    """

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report
        self._tasks: set[asyncio.Task[object]] = set()

    def spawn(self, work: Awaitable[object]) -> None:
        """Run `work` to its end without waiting for it."""
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(error)

    async def close(self) -> None:
        """End what still runs."""
        await cancel_and_wait(list(self._tasks))
