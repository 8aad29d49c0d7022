"""Upkeep: work over all that is stored, that can be stopped at any time and begun again.

By gateways, all the time (`upkeep`):

- `follow`: keep the local catalog near the newest.
- `mender`: restore degraded extents, as soon as there is a place for what is missing.
- `sweep`: delete fragments that nothing refers to and never will.

When somebody asks for it:

- `repair`: give back what providers lost. It begins with `reattach` (markers and logs; `ownership`: whose a
  place is), then looks at every extent.
- `collect`: delete the fragments of what nobody refers to any more.

Nothing here is needed for a request to be right.
"""
