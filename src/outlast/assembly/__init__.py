"""The one place that knows every part: settings in, an open store out.

- `settings`: `outlast.toml` as values.  `state_dir`: a folder of this machine for the local catalog.
- `opening`: a context manager that opens a store by its settings.  `build`: values to components.  `wire`:
  the one wiring, also used by the simulator.  `rebuild`: replaces a damaged local catalog while serving.
  `providers`: each provider with faults and guard around it.  `logs`: where log lines go.
  `flight_recorder`: the last trace events, for a dump.
- `create`: a new store.  `survey`: what its providers can do.  `recovery`: the settings of an existing
  store.
- `diagnosis`: what is wrong with a store, and what to do about it.  `examination`: the same for one
  provider, measured.  `roster`: the providers without the store.  `alarm`: problems in the log.
"""
