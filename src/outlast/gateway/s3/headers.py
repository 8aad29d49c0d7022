"""What the protocol modules ask of a request's headers, so that they need no HTTP library."""

from collections.abc import Iterator
from typing import Protocol


class Headers(Protocol):
    """A multi-mapping whose names do not mind their case. aiohttp's `request.headers` is one."""

    def get(self, name: str, /) -> str | None:
        """The first value of `name`, or None."""
        ...

    def getall(self, name: str, default: list[str], /) -> list[str]:
        """All values of `name` in the order of the wire, or `default`."""
        ...

    def __contains__(self, name: object, /) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...
