"""The demonstration: a store that loses two of its four providers, one after the other, under load.

- `command`: `outlast demo`, its options and its folder.
- `story`: what happens, in order, and the report.
- `traffic`: readers that compare everything with what was written, and a writer.
- `gateway`: a real `outlast serve` and the other commands, each in a process of its own.
- `client`: a minimal S3 client.

Nothing here is simulated: real processes, real directories, real requests over HTTP. At the
end it stops the processes that it started, and no others.
"""
