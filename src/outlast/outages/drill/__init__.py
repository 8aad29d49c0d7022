"""Drills: a failure played on the live store, and a report of whether what-if was right.

- `plan`: which providers fail, how, and when: one shape, or a real incident's phases in less time.
- `readiness`: reasons not to begin a drill.
- `canary`: writes and reads throughout, and checks every byte.
- `promise`: what the verdict promises, and which failures break it.
- `conduct`: the drill itself; the faults have a short lease, which only it renews.
- `report`: what was promised and what was observed, in the catalog.  `history`: the last drill of an
  outage.
"""
