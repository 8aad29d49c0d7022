"""SIGINT, SIGTERM and SIGHUP: the first ends a command in good order, the second at once.

In good order: what is in progress is cancelled and takes back what it left half done, the store is closed,
and a line says what was done until then. A verb that ends otherwise (`serve`, `drill`) calls `heed`.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """The command was ended by a signal, and is closed; its exit status is 128 and the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


async def interruptible(work: Coroutine[Any, Any, int | None]) -> int | None:
    """Run `work` to its end. Raises `Interrupted` if a signal has ended it."""
    task = asyncio.ensure_future(work)
    caught: list[int] = []

    def end(number: int) -> None:
        if caught:
            os._exit(128 + number)
        caught.append(number)
        task.cancel()

    heed(end)
    try:
        return await task
    except asyncio.CancelledError:
        if caught:
            raise Interrupted(caught[0]) from None
        raise


def heed(end: Callable[[int], None]) -> None:
    """Call `end` with the number of each of these signals; those that are ignored (`nohup`) stay so."""
    if threading.current_thread() is not threading.main_thread():
        return  # a command in a test: signals go to the main thread
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end, number)
