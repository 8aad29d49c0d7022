"""A part of an object is what a slice of its content is, whatever the target."""

import pytest

from outlast.testing.memory_store import memory_store
from outlast.testing.s3_client import Response
from outlast.testing.targets import S3Target, StoreTarget

CONTENT = bytes(range(100))
PARTS = [(slice(0, 10), "bytes=0-9"), (slice(5, 1000), "bytes=5-999"), (slice(-7, None), "bytes=-7")]


@pytest.mark.parametrize("part", [part for part, _ in PARTS])
async def test_a_store_returns_the_slice(part: slice) -> None:
    async with memory_store() as world:
        await world.store.create_bucket("bucket")
        target = StoreTarget(world.store, "bucket")
        await target.put("key", "label", CONTENT)
        seen = await target.get("key", part)
    assert seen is not None and seen.content == CONTENT[part]


@pytest.mark.parametrize(("part", "header"), PARTS)
async def test_a_gateway_is_asked_for_the_range(part: slice, header: str) -> None:
    asked: list[dict[str, str]] = []

    class Client:
        async def get(self, bucket: str, key: str, headers: dict[str, str]) -> Response:
            asked.append(headers)
            return Response(206, b"", CONTENT[part])

    seen = await S3Target(Client(), "bucket").get("key", part)  # type: ignore[arg-type]  # as much as is used
    assert asked == [{"range": header}]
    assert seen is not None and seen.content == CONTENT[part]


async def test_a_gateway_is_sent_what_upload_makes_of_the_content() -> None:
    sent: list[object] = []

    class Client:
        async def put(self, bucket: str, key: str, body: object, *_: object, **options: object) -> Response:
            sent.append((body, options["length"]))
            return Response(200, b"", b"")

    await S3Target(Client(), "bucket", lambda content: content[::-1]).put("key", "", CONTENT)  # type: ignore[arg-type]  # as much as is used
    assert sent == [(CONTENT[::-1], 100)]
