"""An event loop in a thread of its own, for callers that have none: the bridge below the sync interface."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for other threads. They may call at the same time; each waits for its own result."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._process = os.getpid()
        # A daemon, so that a program that forgets to close the store can still exit.
        self._thread = threading.Thread(target=self._loop.run_forever, name="outlast", daemon=True)
        self._thread.start()

    @property
    def is_of_parent(self) -> bool:
        """Whether this process is a fork of the one that started the thread."""
        return self._process != os.getpid()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the loop, wait for it, and return its result or raise its error.

        When the waiting is interrupted (Ctrl-C), the work is cancelled. Raises `RuntimeError` in a fork,
        which has the loop without its thread.
        """
        if self.is_of_parent:
            work.close()
            raise RuntimeError("the store was opened before this process was forked: open it again in here")
        assert threading.current_thread() is not self._thread, "the loop would wait for itself"
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def close(self) -> None:
        """Cancel what still runs, then end the loop and its thread."""
        self.run(_cancel_others())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
