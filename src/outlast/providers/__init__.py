"""Bytes at one place: what a provider is, and the kinds that there are.

- `protocol`: the protocol, six verbs, and what each promises.  `names`: what a name is.
- The kinds: `disk`, `cloud`, `longtail` (packages), `memory`.  `registry`: from a URL to a provider.
  `hosts`, `credentials`, `quota`: servers, secrets, and limits in URLs.
- `wrap`: the wrappers, one concern each.
- `capabilities`: what a provider can do, measured.  `claim`, `marker`: taking a place for a store, and the
  object that says whose it is.
- `health`: healthy, down, or estranged (sans-IO).  `latency`, `durations`: how long calls take.
  `patience`: how long a call may take (sans-IO).  `space`: how much is free.  `trouble`: what is wrong with
  a provider, with a remedy.

A provider is not trusted to keep, return, or order anything as promised: whatever depends on that is verified
by the packages above. `outlast.testing.conformance` turns the protocol's promises into tests.
"""
