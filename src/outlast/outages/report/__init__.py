"""The complete answer in one document: where data is stored, and what outages would do.

- `contents`: the report as values; every figure that is shown comes from there.
- `drills`: the results of drills, from the catalog.
- `data`: as JSON.  `markdown`: for a page or a pull request.  `sarif`: for CI (SARIF 2.1.0).
- `page`: as one self-contained HTML page.  `sections`: its parts.  `pictures`: its drawings.  `words`: its
  plain wording.  `markup`: HTML elements.  `page.css`: its style.
"""
