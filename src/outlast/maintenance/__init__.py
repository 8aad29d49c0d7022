"""Upkeep: work over all that is stored, that can be stopped at any time and begun again.

- `repair`: give back what providers lost. It begins with `reattach` (markers and logs), then looks at
  every extent (`mending`).
- `collect`: delete the fragments of what nobody refers to any more.

Nothing here runs by itself, and nothing here is needed for a request to be right.
"""
