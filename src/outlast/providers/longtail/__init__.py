"""Storage without conditional writes, through opendal: data only.

The tests cover WebDAV. `address` parses URLs without importing opendal, `opening` creates the provider,
`provider` has the verbs, `failures` maps errors to causes.
"""
