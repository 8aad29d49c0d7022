"""The command line, `outlast`: one module for each verb.

- `start`, `main`: the program's entry; the table of commands.
- `declare`, `parser`: how a verb declares what it takes; its parser and `--help`, by argparse.
- `interruption`: signals.
- `options`, `session`, `output`, `address`: what the verbs share: their common options, opening the store
  and ending with the right exit status, printing for people or as JSON, `outlast://` addresses.
- `transfer`: moving files in and out; used by `cp`, `cat`, and `rm`.
- `scene`: the store as it is now.  `remedies`: what to do about each error.  `folders`, `listing`,
  `progress`, `times`: for whole folders, pages of lists, running copies, and points in time.
- `forecasting`, `report_output`, `what_if_output`: how those answers are printed.
- The verbs: `bucket`, `cat`, `collect`, `cp`, `doctor`, `drill`, `init`, `inspect`, `key`, `ls`,
  `provider`, `recover`, `repair`, `report`, `rm`, `serve`, `simulate`, `status`, `what_if`.
- `demo/`: the demonstration that `make demo` runs.
- `reference`: writes docs/reference/cli.md from the commands themselves.

A verb opens the store by itself: no gateway needs to run. Exit status 0: done; 1: failed (the
error and its remedy are on standard error); 2: the command line was wrong; 128 and the signal's number
(130 for SIGINT): interrupted.
"""

FAILED = 1
WRONG_USAGE = 2
