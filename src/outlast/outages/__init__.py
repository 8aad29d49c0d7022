"""What happens to a store when providers have a bad day: real incidents, analysis, simulation.

- `model`: what a store hangs on, as failure domains with the providers that share each.
- `reach`: how this machine reaches its providers: by which credential, under which name.
- `holdings`: what the store really holds, and where.  `outcome`: what an exact set of losses does to it.
- `what_if`: verdicts, with what is not known kept apart.  `remedy`: the cheapest fix.
- `answer`: both together, in words and figures that all outputs share.
- `choice`: from what a person types to a domain.
- `drill`: a failure played on the live store, and a report.  `unwell`: who is not well now.
- `incidents`: real outages as data, with their sources.
- `report`: all of it in one piece, as a page, JSON, Markdown, or SARIF for CI.
"""
