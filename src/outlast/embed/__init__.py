"""The store inside Python programs.

- `sync`: the store's verbs for programs without an event loop.  `thread`: the loop that they do not have.
- `filesystem`: fsspec's `outlast://`, for pandas, pyarrow, DuckDB.  `file`: one object as a file.
  `layers`: text and compression over one that is written.  `paths`: bucket, key, and errors as `OSError`.
- `source`: files and generators as what the store writes from.
"""
