"""The command line, `outlast`: one module for each verb.

- `start`, `main`: the program's entry; the table of commands.
- `declare`, `parse`, `help`: how a verb says what it takes; the command line's words as values; `--help`.
- `interruption`: signals.
- `options`, `session`, `output`, `address`: what the verbs share: their common options, opening the
  store and ending with the right exit status, printing for people or as JSON, `outlast://` addresses.
- `transfer`: moving files in and out; used by `cp`, `cat` and `rm`.
- `demo/`: the demonstration that `make demo` runs.
- `reference`: writes docs/reference/cli.md from the commands themselves.

A verb opens the store by itself: no gateway needs to run. Exit status 0: done; 1: it could not be done
(what and what to do about it are on standard error); 2: the command line was wrong; 130: interrupted
(128 and the signal's number).
"""

FAILED = 1
WRONG_USAGE = 2
