"""Upkeep: work over everything that is stored. It can be stopped at any time and restarted.

Run by every gateway (`upkeep`):

- `follow`: keep the local catalog close to the newest slot.
- `mender`: restore degraded extents, as soon as a provider can take the missing fragments.
- `sweep`: delete fragments that nothing refers to and never will.

Run on demand:

- `repair`: give back what providers lost. It begins with `reattach` (markers and logs; `ownership`: which
  store a place belongs to), then checks every extent.
- `inspection`: show one slot, extent, or object, and check what the providers hold of it.
- `collect`: delete fragments that nothing refers to any more.

No request depends on this package for correctness.
"""
