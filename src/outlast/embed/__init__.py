"""The store inside Python programs.

- `sync`: the store's verbs for programs without an event loop.  `thread`: their event loop.
- `filesystem`: fsspec's `outlast://`, for pandas, pyarrow, DuckDB.  `file`: one object as a file.  `layers`:
  text and compression over a file that is written.  `paths`: bucket, key, and errors as `OSError`.
- `source`: files and generators as input for writes.
"""
