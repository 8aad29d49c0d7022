"""S3 over HTTP: a request becomes one call of the store, and its outcome becomes an answer.

In the order in which a request meets them:

- `service`: address, authenticate, authorize, dispatch, answer.  `traffic`: counters and log lines.
- `uri`, `address`: which bucket and key.  `parameters`, `headers`: queries and headers as values.
  `operations`: which operation; every operation of S3 is listed.
- `claims`, `signature`, `signing`: AWS Signature Version 4.  `access`: what a key may do.
- `dispatch`: which function serves which operation.  `refusals`: unsupported features, which are refused.
- `call`: one request in progress.  `payload`, `chunked`, `checksums`: its body, decoded and verified.
- The operations: `buckets`, `list_objects`, `list_uploads`, `put_object`, `get_object`, `delete_object`,
  `copy_object`, `multipart`, `parts`; `unset` answers for features that are never enabled.
- `unsigned`: what browsers send without a signature, which is refused.
- `conditions`, `copy_source`, `attributes`, `dates`, `xml`: what they share.  `errors`: S3's error codes.
- `compatibility`: writes docs/reference/s3-compatibility.md from these tables.

Nothing is stored before the request is authenticated, and nothing is visible before its body is verified.
"""
