"""The one place that knows every part: settings in, an open store out.

- `settings`: `outlast.toml` as values.  `state_dir`: a folder of this machine for the local catalog.
- `opening`: a store by its settings, for the time of a block.  `build`: values to components.
  `providers`: each provider with faults and guard around it.  `logs`: where log lines go.
- `create`: a new store.  `survey`: what its providers can do.  `recovery`: an old store's settings again.
- `diagnosis`: what is wrong with a store, and what to do about it.  `examination`: the same of one provider,
  measured.  `roster`: the providers without the store.  `alarm`: troubles told to the log.
"""
