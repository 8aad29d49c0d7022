"""What every other package may use: time, randomness, errors, limits, concurrency, and encoding.

- `clock`, `entropy`: sources of time and randomness; production and the simulator pass in their own.
- `errors`: every error that Outlast raises, in one tree.  `limits`: every bound, with its reason.
- `concurrency`: waiting for the first few of many; hashing off the event loop.
- `memory`: the C allocator's settings.  `replacing`: local files replaced atomically.  `version`.
- `wire`: the base of every value that is stored.  `figures`: counts, sizes, and times as text.
- `trace`: events, step by step, for a listener.  `histogram`: a histogram with fixed bounds.  `marks`,
  `points`: coverage marks and crash points; they do nothing in production.

Nothing here knows what a store is. This package imports no other.
"""
