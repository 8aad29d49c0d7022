"""Drills: a failure played on the live store, and a report of whether it went as what-if said.

- `plan`: which providers fail, how, and when: one shape, or a real incident's phases in less time.
- `readiness`: why a drill had better not begin.
- `canary`: writes and reads all along, and checks every byte.
- `promise`: what the verdict promises, and which failures break it.
- `conduct`: the drill itself; the faults have a short lease that only it renews.
- `report`: what was promised and what was seen; kept in the catalog.  `history`: the last drill of an outage.
"""
