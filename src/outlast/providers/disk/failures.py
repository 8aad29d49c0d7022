"""Translates the operating system's errors into those of the provider protocol."""

import errno
import os

from outlast.base.errors import Cause, Denied, Full, NotFound, ProviderError, Unavailable, Unsupported
from outlast.providers.disk.system import full_errors

_denied = {
    errno.EACCES: Cause.PERMISSION,
    errno.EPERM: Cause.PERMISSION,
    errno.EROFS: Cause.READ_ONLY,
}
_absent = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}
_reads = {"get", "head", "list"}


def failure(provider: str, verb: str, key: str, root: str, error: OSError) -> ProviderError:
    """The `ProviderError` for `error`, raised in `verb` of `key`. Checks whether `root` exists."""
    reason = error.strerror or str(error)
    detail = f"{key}: {reason}" if key else reason
    if error.errno in full_errors:
        return Full(provider, verb, detail)
    if error.errno in _denied:
        return Denied(provider, verb, detail, _denied[error.errno])
    if error.errno in _absent:
        if not os.path.isdir(root):
            return Unavailable(provider, verb, f"there is no directory {root}", Cause.UNMOUNTED)
        if verb in _reads:
            return NotFound(provider, verb, key)
        if error.errno != errno.ENOENT:
            return Unsupported(provider, verb, f"{key}: a name cannot be both an object and a folder")
    return Unavailable(provider, verb, detail, Cause.SERVER)
