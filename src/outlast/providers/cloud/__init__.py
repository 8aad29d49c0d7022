"""Amazon S3 and everything that speaks it, Azure Blob, Google Cloud Storage.

`address` reads URLs and knows operators (no SDK is imported for that), `credentials` finds secrets,
`opening` makes the provider, `provider` has the verbs, `failures` maps errors to causes. How the
clouds differ is data in `quirks`.
"""
