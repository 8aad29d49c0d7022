"""Disks that are full or read-only, as the kernel says it (acceptance 7)."""

from scene import BUCKET, Scene
from small_disks import SmallDisks

from outlast.base.limits import KIB, MIB
from outlast.testing.s3_client import S3Client
from outlast.testing.workload import content_of

SIZES = (4 * KIB, 3 * MIB)
"""One that travels in the log, and one that is cut into fragments."""


async def write(client: S3Client, when: str) -> None:
    for size in SIZES:
        response = await client.put(BUCKET, f"{when}/{size}", content_of(when, size))
        assert response.status == 200, response.body


async def read(client: S3Client, when: str) -> None:
    for size in SIZES:
        response = await client.get(BUCKET, f"{when}/{size}")
        assert response.status == 200, response.body
        assert response.body == content_of(when, size)


async def test_one_full_disk_is_a_provider_less(small: Scene, disks: SmallDisks) -> None:
    client = await small.client(await small.serve())
    await write(client, "before")
    disks.fill("b")
    for number in range(5):
        await write(client, f"full-{number}")
        await read(client, f"full-{number}")
    await read(client, "before")
    disks.make_room("b")
    await small.mend()
    await small.drill("a", "refuse")
    for number in range(5):
        await read(client, f"full-{number}")


async def test_one_read_only_disk_is_a_provider_less(small: Scene, disks: SmallDisks) -> None:
    client = await small.client(await small.serve())
    await write(client, "before")
    disks.freeze("b")
    for number in range(5):
        await write(client, f"frozen-{number}")
        await read(client, f"frozen-{number}")
    await read(client, "before")
    disks.thaw("b")
    await small.mend()
