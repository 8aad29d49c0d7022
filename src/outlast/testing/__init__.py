"""Shipped with the store: what proves that a provider, a gateway, or a whole store keeps its promises.

- `conformance`: the provider protocol's promises as tests, for authors of providers.
- `simulation`: virtual time and a seed.  `loop`: its event loop.  `network`: latencies and cut links.
  `places`: providers in memory that faults can hit.  `memory_store`: a whole store over dicts, one call
  away.
- `workload`: clients that check what they read.  `targets`: what they drive.  `history`: whether their
  observations are linearizable.
- `checkers`, `store_checkers`: invariants that are checked at every write.  `states`: what they read at a
  voter.  `plain_seal`: a seal that hides nothing.  `swarm`: worlds drawn from seeds.
- `costs`, `cost_table`: requests of each operation, counted, and docs/reference/costs.md.
- `servers`: real servers and emulators, as processes.  `gcs_server`: a strict Google Cloud Storage.
  `certificates`: an authority for tests.  `proxy`: a line that can be made slow and cut.
- `incident_forms`: one known incident of each form, for tests that cannot play all.
- `installation`: a store on directories, its commands and gateways, as processes.  `s3_client`: a fast
  client of one.  `http_connection`: its connections.  `called`: a program called in this process.
- `truth`: what-if and the report, compared with what happens to real stores.
- `siege`: gateways, clients, and everything that can go wrong, as processes.
"""
