"""The program's first module: an interrupt while the others are loaded prints one line, and no traceback."""

import os
import signal


def main() -> None:
    """Run the command that the command line names, and leave with its exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else our parent ignores it
        signal.signal(signal.SIGINT, _leave)
    from outlast.cli.main import main

    main()


def _leave(number: int, _: object) -> None:
    os.write(2, b"outlast: interrupted before anything was done\n")
    os._exit(128 + number)
