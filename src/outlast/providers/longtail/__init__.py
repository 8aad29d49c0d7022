"""Storage without conditional writes, through opendal: data only.

The tests cover WebDAV. `address` reads URLs without importing anything, `opening` makes the provider,
`provider` has the verbs, `failures` maps errors to causes.
"""
