"""Which bucket and key is which bytes: the log's records, applied in order to a local SQLite file.

Read `records` first, then `judgement`. Top to bottom:

- `catalog`: the face: records go into the log, outcomes come back.  `state`: applies decided batches.
- `records`: what the log agrees on.  `wire`: records as bytes.  `content`: what an object consists of.
- `judgement`: what a record does, and its outcome.  `judge_objects`, `judge_uploads`: one for each kind.
- The tables, one module each: `buckets`, `objects`, `uploads`, `extents`, `layouts`, `placements`,
  `access_keys`, `facts`, `usage`, `expiry`.  `tables`: all of them.  `schema`: their SQL.  `listing`: lists
  in key order.
- `database`, `database_file`: statements on one connection, and the file below.  `blobs`: values with
  checksums.  `boot`: which run of the machine this is.
- `applied`: how fresh this process is.

Every gateway judges the same records in the same order and reaches the same state: judging uses no clock, no
chance, and no iteration order. The file is a cache; it can be rebuilt from the log at any time.
"""
