"""Amazon S3 and everything that speaks its protocol, Azure Blob, and Google Cloud Storage.

`address` parses URLs and knows operators (without importing an SDK), `opening` creates the provider,
`provider` has the verbs, `failures` maps errors to causes. The differences between clouds are data in
`quirks`. `providers.credentials` finds secrets.
"""
