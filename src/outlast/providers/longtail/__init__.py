"""Places for bytes that know no conditional writes, through opendal: data only.

Tried here for real: WebDAV. `address` reads URLs without importing anything, `provider` has the verbs,
`failures` tells what went wrong.
"""
