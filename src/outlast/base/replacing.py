"""Atomic replacement of local files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from outlast.base.entropy import SystemEntropy


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that replaces `path` when the block ends, and is deleted if the block raises.

    Until then it has another name in the same folder. That name's length does not depend on `path`, which may
    be as long as the file system allows. Links are followed and modes preserved. Anything but a regular file
    (`/dev/null`, a pipe) is written in place.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    draft = target.with_name(f".{SystemEntropy().bytes(12).hex()}.part")
    try:
        with draft.open("xb") as file:
            yield file
        if target.exists():
            shutil.copymode(target, draft)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
