"""The names under a directory, sorted by full name, as a listing needs them.

The order of names is not that of folders: `a-b` < `a/b` < `a0`, because `/` sorts between them. So a folder
is sorted in its parent as `name/`. Folders that cannot hold a wanted name are not read. Only one folder's
names are in memory at a time, never those of the entire tree.
"""

import errno
from collections.abc import Iterator

from outlast.providers.disk.files import check_folders
from outlast.providers.disk.system import System
from outlast.providers.protocol import Entry


def walk(system: System, root: str, prefix: str, start_after: str) -> Iterator[Entry]:
    """Files below `root` whose relative names begin with `prefix` and sort after `start_after`, in order.

    A folder or file that is deleted meanwhile is left out. Raises OSError if a folder cannot be read.
    """
    if not system.is_folder(root):
        raise FileNotFoundError(errno.ENOENT, root)  # a missing disk is not an empty one
    folder = prefix.rpartition("/")[0]
    try:
        check_folders(system, root, prefix)
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from _below(system, root, folder + "/" if folder else "", prefix, start_after)


def _below(system: System, root: str, folder: str, prefix: str, start_after: str) -> Iterator[Entry]:
    for name in _names(system, root, folder):
        if name.endswith("/"):
            if _overlaps(name, prefix) and not _all_before(name, start_after):
                yield from _below(system, root, name, prefix, start_after)
        elif name > start_after and name.startswith(prefix):
            try:
                yield Entry(name, system.status_of(f"{root}/{name}").size)
            except FileNotFoundError:
                continue  # deleted since the folder was read


def _names(system: System, root: str, folder: str) -> list[str]:
    """Full names of the files in `folder`, and of the folders, with a `/` at the end; sorted."""
    try:
        found = system.items(f"{root}/{folder}".rstrip("/"))
    except (FileNotFoundError, NotADirectoryError):
        if not folder:
            raise  # the root itself was removed
        return []
    return sorted(
        f"{folder}{item.name}/" if item.is_folder else folder + item.name
        for item in found
        if not item.name.startswith(".") and (item.is_folder or item.is_file)
    )


def _overlaps(folder: str, prefix: str) -> bool:
    """Whether a name below `folder` can begin with `prefix`."""
    return folder.startswith(prefix) or prefix.startswith(folder)


def _all_before(folder: str, start_after: str) -> bool:
    """Whether every name below `folder` sorts before or at `start_after`."""
    return folder <= start_after and not start_after.startswith(folder)
