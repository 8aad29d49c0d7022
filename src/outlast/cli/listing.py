"""All pages of a listing as one."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outlast.catalog.listing import Listed, Listing
    from outlast.store import Store


async def pages(store: "Store", bucket: str, prefix: str, delimiter: str = "") -> AsyncIterator["Listing"]:
    """The pages, one after the other, until the end."""
    start_after: str | None = ""
    while start_after is not None:
        page = await store.list(bucket, prefix, delimiter, start_after)
        yield page
        start_after = page.next


async def entries(store: "Store", bucket: str, prefix: str) -> AsyncIterator["Listed"]:
    """Every object whose key begins with `prefix`, in the order of the keys."""
    async for page in pages(store, bucket, prefix):
        for entry in page.entries:
            yield entry
