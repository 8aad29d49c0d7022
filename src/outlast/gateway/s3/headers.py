"""What the protocol modules need from a request's headers, so that they need no HTTP library."""

from collections.abc import Iterator
from typing import Protocol


class Headers(Protocol):
    """A case-insensitive multi-mapping. aiohttp's `request.headers` is one."""

    def get(self, name: str, /) -> str | None:
        """Return the first value of `name`, or None."""
        ...

    def getall(self, name: str, default: list[str], /) -> list[str]:
        """Return all values of `name` in the order of the wire, or `default`."""
        ...

    def __contains__(self, name: object, /) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...
