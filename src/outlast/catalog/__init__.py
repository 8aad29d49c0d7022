"""Which bytes each bucket and key holds: the log's records, applied in order to a local SQLite file.

Read `records` first, then `judgement`. Top to bottom:

- `catalog`: the interface: records go into the log, outcomes come back.  `state`: applies decided batches.
- `records`: the commands in the log.  `wire`: records as bytes.  `content`: what an object consists of.
- `judgement`: what a record does, and its outcome.  `judge_objects`, `judge_uploads`: by kind of record.
- The tables, one module each: `buckets`, `objects`, `uploads`, `extents`, `layouts`, `placements`,
  `access_keys`, `facts`, `usage`, `expiry`.  `tables`: all of them.  `schema`: their SQL.  `listing`: lists
  in key order.
- `database`, `database_file`: statements on one connection, and the file underneath.  `blobs`: values with
  checksums.  `boot`: identifies the machine's current boot.
- `applied`: how long ago this process applied each slot.

Every gateway judges the same records in the same order and reaches the same state: judging uses no clock,
randomness, or iteration order. The file is a cache; it can be rebuilt from the log at any time.
"""
