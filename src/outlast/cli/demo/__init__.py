"""The demonstration: a store that loses two of its four providers, one after the other, under load.

- `command`: `outlast demo`, its options and its folder.
- `story`: what happens, in order, and the report.
- `traffic`: readers that compare everything with what was written, and a writer that goes on writing.
- `gateway`: a real `outlast serve` and the other commands, each in a process of its own.
- `client`: as much of an S3 client as that needs.

Nothing here is simulated: real processes, real directories, real requests over HTTP. What is stopped at
the end is what was started here, by its process, and nothing else.
"""
