"""The command line, `outlast`: one module for each verb.

- `main`: the table of commands, and `main()`.
- `declare`, `parse`, `help`: how a verb says what it takes; the command line's words as values; `--help`.
- `options`, `session`, `output`, `address`: what the verbs share: their common options, opening the
  store and ending with the right exit status, printing for people or as JSON, `outlast://` addresses.
- `transfer`: moving files in and out; used by `cp`, `cat` and `rm`.
- `demo/`: the demonstration that `make demo` runs.
- `reference`: writes docs/reference/cli.md from the commands themselves.

A verb opens the store by itself: no gateway needs to run. Exit status 0: done; 1: failed (the
error and its remedy are on standard error); 2: the command line was wrong; 130: interrupted.
"""

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130
