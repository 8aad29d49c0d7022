"""Shipped with the store: what proves that a provider, a gateway, or a whole store keeps its promises.

- `conformance`: the provider protocol's promises as tests, for authors of providers.
- `simulation`: virtual time and a seed.  `loop`: its event loop.  `network`: latencies and cut links.
  `places`: providers in memory to which faults happen.  `memory_store`: a whole store over dicts, one call
  away.
- `workload`: clients that check what they read.  `targets`: what they drive.  `history`: whether what they
  saw is linearizable.
- `installation`: a store on directories, its commands and gateways, as processes.  `s3_client`: a fast client
  of one.  `http_connection`: its connections.
- `called`: a program called in this process as from a shell.
- `siege`: gateways, clients, and everything that can go wrong, as processes.
"""
