"""Shipped with the store: what proves that a provider, a gateway or a whole store keeps its promises.

- `conformance`: the provider protocol's promises as tests, for whoever writes a provider.
- `simulation`: virtual time and a seed.  `network`: how far away providers are.  `memory_store`: a whole
  store over dicts, one call away.
- `workload`: clients that check what they read.  `targets`: what they drive.  `history`: whether what they
  saw is linearizable.
- `installation`: a store on directories, its commands and gateways, as processes.  `s3_client`: a fast client
  of one.  `http_connection`: its connections.
- `siege`: gateways, clients, and everything that can go wrong, as processes.
"""
