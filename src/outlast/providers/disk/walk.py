"""The names under a directory in the order of whole names, as a listing wants them.

The order of names is not that of folders: `a-b` < `a/b` < `a0`, because `/` sorts between them. So a
folder takes part in its parent's sorting as `name/`. Folders that cannot hold a wanted name are not read.
One folder's names are in memory at once, never the whole tree's.
"""

import errno
import os
from collections.abc import Iterator

from outlast.providers.protocol import Entry


def walk(root: str, prefix: str, start_after: str) -> Iterator[Entry]:
    """Files below `root` whose relative names begin with `prefix` and sort after `start_after`, in order.

    A folder or file that vanishes meanwhile is left out. Raises OSError if a folder cannot be read.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(errno.ENOENT, root)  # a missing disk is not an empty one
    folder = prefix.rpartition("/")[0]
    yield from _below(root, folder + "/" if folder else "", prefix, start_after)


def _below(root: str, folder: str, prefix: str, start_after: str) -> Iterator[Entry]:
    for name, item in _children(root, folder):
        if name.endswith("/"):
            if _overlaps(name, prefix) and not _all_before(name, start_after):
                yield from _below(root, name, prefix, start_after)
        elif name > start_after and name.startswith(prefix):
            try:
                yield Entry(name, item.stat(follow_symlinks=False).st_size)
            except FileNotFoundError:
                continue  # deleted since the folder was read


def _children(root: str, folder: str) -> list[tuple[str, "os.DirEntry[str]"]]:
    """(whole name, entry) of what is in `folder`, folders with a `/` at the end, sorted by the name."""
    try:
        with os.scandir(f"{root}/{folder}") as items:
            found = [
                (f"{folder}{item.name}/" if item.is_dir(follow_symlinks=False) else folder + item.name, item)
                for item in items
                if not item.name.startswith(".")
            ]
    except (FileNotFoundError, NotADirectoryError):
        if not folder:
            raise  # the root itself, gone since
        return []
    found.sort(key=_whole_name)
    return found


def _whole_name(found: tuple[str, "os.DirEntry[str]"]) -> str:
    return found[0]


def _overlaps(folder: str, prefix: str) -> bool:
    """Whether a name below `folder` can begin with `prefix`."""
    return folder.startswith(prefix) or prefix.startswith(folder)


def _all_before(folder: str, start_after: str) -> bool:
    """Whether every name below `folder` sorts before or at `start_after`."""
    return folder <= start_after and not start_after.startswith(folder)
