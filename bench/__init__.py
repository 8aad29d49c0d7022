"""How fast the store is, beside what this machine can do at all. `make bench`, or `python -m bench`.

Top to bottom, as a measurement goes:

- `run`: everything in order, the table, and `build/bench.json`.
- `large_objects`, `small_objects`, `listing`: one kind of request each, against a gateway process.
- `stage`: the store on directories, the gateway, and the echo server beside it, each a process of its own.
- `limits`: the same bytes written durably by a few threads alone.  `echo`: aiohttp with nothing behind it.
- `measurement`: what comes out.

This process is the load generator. Each figure and its limit are taken in turn, several times, and the
medians compared, because disks and neighbours change their minds.
"""
