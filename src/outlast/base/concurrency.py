"""Waiting for the first few of many, and moving slow hashes off the event loop.

The common pattern: send requests to several providers at once and continue when enough have answered.
Results are processed in the order of the arguments, never in the order of a set, so that a simulated run
is the same each time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

# The delay before work that failed unexpectedly is restarted: short enough for a provider's watch, long
# enough not to flood the error log.
again_after_s = 5.0


async def offload(function: Callable[..., T], *arguments: object) -> T:
    """Run a function that releases the GIL (a hash over a large buffer) in the loop's thread pool."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


async def wait_first(
    tasks: Sequence["asyncio.Task[T]"], enough: Callable[[], bool], timeout: float | None = None
) -> None:
    """Wait until `enough()` holds, all `tasks` are done, or `timeout` seconds have passed.

    `enough` is called after each completion. Nothing is cancelled: the caller decides what to do with the
    rest.
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
    """Cancel the tasks that are still running and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def gather_bounded(work: Callable[[S], Awaitable[T]], items: Iterable[S], at_once: int) -> list[T]:
    """Do `work` on each item, on `at_once` of them at a time; the results in the order of the items.

    The first error ends the work on the others, and is raised.
    """
    free = asyncio.Semaphore(at_once)

    async def do(item: S) -> T:
        async with free:
            return await work(item)

    tasks = [asyncio.ensure_future(do(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await cancel_and_wait(tasks)


async def run_again(
    work: Callable[[], Awaitable[object]],
    report: Callable[[BaseException], None],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Run `work`, which never ends, until cancelled.

    An error is a bug of ours. It is passed to `report`, and the work is restarted after `again_after_s`
    because other parts rely on it.
    """
    while True:
        try:
            await work()
        except Exception as error:
            report(error)
        await sleep(again_after_s)


class Background:
    """Tasks that outlive the call that started them (stragglers), kept so that `close` can end them.

    Their failures are passed to `report` and never lost.
    """

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report
        self._tasks: set[asyncio.Task[object]] = set()

    def spawn(self, work: Awaitable[object]) -> None:
        """Run `work` to completion in the background."""
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(error)

    async def close(self) -> None:
        """Cancel the tasks that are still running."""
        await cancel_and_wait(list(self._tasks))
