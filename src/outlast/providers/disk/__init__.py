"""The disk provider: a directory on a file system.

`provider` is the asynchronous face, `lane` its threads, `tree` the verbs on files, `walk` the listing and
`files` the few system calls that they are made of.
"""

from outlast.providers.disk.provider import DiskProvider

__all__ = ["DiskProvider"]
