"""The store inside other people's programs.

- `sync`: the store's verbs for programs without an event loop.  `thread`: the loop that they do not have.
- `filesystem`: fsspec's `outlast://`, for pandas, pyarrow, DuckDB.  `file`: one object as a file.
  `paths`: bucket, key, and errors as `OSError`.
- `source`: files and generators as what the store writes from.
"""
