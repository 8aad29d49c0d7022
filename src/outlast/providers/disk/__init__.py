"""The disk provider: a directory on a file system.

- `provider`: the asynchronous interface.  `lane`: its threads.  `place`: the directory and its marker.
- `tree`: objects as files.  `draft`: files that are written first and named later.  `walk`: listing in
  order.
- `log`: the slots' states as records in journals.  `slots`: the names of states.  `journal`: one journal.
  `segments`: the evidence that no segment was lost.  `frame`: a journal's bytes (sans-IO).  `beginning`:
  starting and ending a log.  `appends`: whether processes may share a journal.  `room`: appending on a full
  disk.
- `files`: complete reads and writes.  `system`: the system calls underneath.  `failures`: their errors as
  ours.
"""

from outlast.providers.disk.provider import DiskProvider

__all__ = ["DiskProvider"]
