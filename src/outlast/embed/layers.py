"""Text and compression over a file that is being written, such that an abort reaches the file.

The standard library's wrappers close what they wrap, or leave it open, whether the writer finished or
failed; either way half a file would replace a good one. These finish the file when they are closed, and abort
it when their block is left by an error or when they are forgotten.
"""

import io
from types import TracebackType
from typing import Any, Self

from outlast.embed.file import OutlastFile


class TextLayer(io.TextIOWrapper):
    """Text over `file`, which is `target` or is layered over it."""

    def __init__(self, file: Any, target: OutlastFile, **options: Any) -> None:
        super().__init__(file, **options)
        self._target = target

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._target.abort()
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            self._target.forget()


class CompressedLayer(io.BufferedIOBase):
    """The output of `compressor`, which writes to `target`. Closing it finishes both."""

    def __init__(self, compressor: Any, target: OutlastFile) -> None:
        self._compressor = compressor
        self._target = target

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        written: int = self._compressor.write(data)
        return written

    def flush(self) -> None:
        if not self._compressor.closed:
            self._compressor.flush()

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._compressor.close()
            self._target.close()
        except BaseException:
            self._target.abort()
            raise
        finally:
            super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._target.abort()
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            self._target.forget()
