"""Wrappers around a provider, one concern each. From the outside in:

- `guard`: a deadline for every call, the circuit breaker, and the marker.  `attest`: proof of the marker.
- `fault`: fails on purpose; drills use it in production.
- `retry`, `name_interval`, `rate_limit`: on a network only.
- `meter`: counts requests, bytes, failures, and durations.

`wrapper` is their base: it passes each verb to one method.  `layers`: finds a layer in a stack.
"""
