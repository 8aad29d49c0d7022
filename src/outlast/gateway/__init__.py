"""HTTP for a store: connections, memory, and metrics here, S3 in `s3`.

- `server`: the HTTP server of a gateway.
- `admission`: how many connections there may be, and which one is closed for a new one.
- `connection`: one client's connection.  `connections`: what all of them share.
- `memory`: one budget for what requests hold.
- `metrics`: this gateway's figures, for Prometheus.  `scrape`: `GET /metrics`, and who may read it.
- `readiness`: `GET /ready`, for load balancers.

A gateway keeps nothing that cannot be rebuilt. It knows the store's interface, not the providers or the log.
"""
