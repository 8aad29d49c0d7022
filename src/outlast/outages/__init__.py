"""What happens to a store when providers have a bad day: real incidents, analysis, simulation.

- `model`: what a store depends on, as failure domains with the providers that share each.
- `reach`: how this machine reaches its providers: with which credential, under which name.
- `present`: the store at this moment.  `holdings`: what it really holds, and where.  `late`: fragments that
  count as missing and may be there.  `outcome`: what an exact set of losses does.
- `what_if`: verdicts, with what is not known kept apart.  `remedy`: the cheapest fix.  `rate`: how fast a
  repair would be.  `cost`: what it would cost.
- `answer`: both together, in words and figures that all outputs share.
- `choice`: from command-line arguments to a domain.
- `drill`: a failure played on the live store, and a report.  `unwell`: which providers are unhealthy now.
- `incidents`: real outages as data, with their sources.
- `simulate`: availability and durability over years.
- `report`: everything in one document: HTML, JSON, Markdown, or SARIF for CI.
"""
