"""Amazon S3 and all that speak it, Azure Blob, Google Cloud Storage.

`address` reads URLs and knows operators (no SDK is imported for that), `credentials` finds secrets,
`opening` makes the provider, `provider` has the verbs, `failures` tells what went wrong. What the clouds do
differently is data in `quirks`.
"""
