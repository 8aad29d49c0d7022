"""The whole answer in one piece, for people who were not there: what lies where, and what a bad day does.

- `contents`: the report as values; every figure that is shown comes from there.
- `drills`: what became of drills, from the catalog.
- `data`: as JSON.  `markdown`: for a page or a pull request.  `sarif`: for CI (SARIF 2.1.0).
- `page`: as one HTML page that needs nothing but itself.  `sections` are its parts, `pictures` what is drawn,
  `markup` makes it, and `page.css` is how it looks.
"""
