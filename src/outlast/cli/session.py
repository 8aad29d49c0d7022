"""From a command line to an open store, and from an outcome to an exit status.

Every verb is a coroutine that `run` drives to its end: on the fast event loop where there is one, with
errors printed on standard error, and with a clean ending when it is interrupted.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from outlast.base.errors import OutlastError
from outlast.cli import FAILED
from outlast.cli.interruption import Interrupted, interruptible
from outlast.cli.output import print_error, print_problem
from outlast.cli.progress import told_while_slow

if TYPE_CHECKING:
    from outlast.store import Store


def run(
    work: Coroutine[Any, Any, int | None],
    json: bool = False,
    so_far: Callable[[], str] = lambda: "interrupted",
) -> None:
    """Drive `work` to its end and leave with its exit status (None: 0). Our errors are printed, not raised.

    `so_far` says what was done when it is interrupted, and how to go on.
    """
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            try:
                status = runner.run(interruptible(work))
            except Interrupted as interrupted:
                print_problem("Interrupted", so_far(), "", json)
                _leave(interrupted.status)
        sys.stdout.flush()
    except OutlastError as error:
        print_error(error, json)
        status = FAILED
    except BrokenPipeError:
        _silence_stdout()
        status = FAILED
    if status:
        raise SystemExit(status)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _leave(status: int) -> NoReturn:
    """Leave at once: the store is closed by now, and a thread may still wait for standard input, for ever."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            pass  # the terminal is closed
    os._exit(status)


def _silence_stdout() -> None:
    """Output has no reader any more (`| head`): the interpreter must not complain about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@asynccontextmanager
async def store_at(config: Path, state_dir: Path | None) -> AsyncIterator["Store"]:
    """The store that the settings file `config` describes, open and caught up. Raises `ConfigError`."""
    # Here: the store is most of what there is to load, and neither help nor a mistyped word needs it.
    from outlast.assembly.opening import open_store
    from outlast.assembly.settings import load_settings

    async with AsyncExitStack() as opened:
        with told_while_slow(
            lambda: "waiting for providers that are slow to answer", not sys.stderr.isatty()
        ):
            store = await opened.enter_async_context(open_store(load_settings(config), state_dir))
        yield store
