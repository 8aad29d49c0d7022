"""Disks that are full or read-only, as the kernel says it (acceptance 7)."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from scene import BUCKET, CLOCK, NOTICED_S, Scene, eventually
from small_disks import SmallDisks

from outlast.base.limits import KIB, MIB
from outlast.testing.installation import CommandFailed
from outlast.testing.s3_client import S3Client
from outlast.testing.workload import content_of

Harm = Callable[..., None]
"""A method of `SmallDisks` that takes names."""

ALL = ("a", "b", "c")
RETRY_S = 0.1
"""How long a writer rests before it tries again: without it the cores would be these writers' alone."""

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


async def write_in_vain(client: S3Client, reason: str) -> None:
    """Each write is refused with the reason, and nothing of it is stored."""
    for size in SIZES:
        response = await client.put(BUCKET, f"in-vain/{size}", content_of("in vain", size))
        error = ET.fromstring(bytes(response.body))
        assert (response.status, error.findtext("Code")) == (503, "ServiceUnavailable")
        assert reason in (error.findtext("Message") or "").lower(), error.findtext("Message")
    await nothing_came_of_it(client)


async def nothing_came_of_it(client: S3Client) -> None:
    for size in SIZES:
        assert (await client.head(BUCKET, f"in-vain/{size}")).status == 404
    assert b"in-vain" not in (await client.list(BUCKET)).body


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "undo"),
    [(SmallDisks.fill, SmallDisks.make_room), (SmallDisks.freeze, SmallDisks.thaw)],
    ids=["full", "read-only"],
)
async def test_one_bad_disk_is_a_provider_less(
    small: Scene, disks: SmallDisks, harm: Harm, undo: Harm
) -> None:
    client = await small.client(await small.serve())
    await write(client, "before")
    harm(disks, "b")
    for number in range(5):
        await write(client, f"without-{number}")
        await read(client, f"without-{number}")
    await read(client, "before")
    undo(disks, "b")
    await small.mend()
    await small.drill("a", "refuse")
    for number in range(5):
        await read(client, f"without-{number}")


@pytest.mark.slow
async def test_full_disks_take_nothing_and_give_everything(small: Scene, disks: SmallDisks) -> None:
    gateway = await small.serve()
    client = await small.client(gateway)
    await write(client, "before")
    disks.fill(*ALL)
    await write_in_vain(client, "space")
    await read(client, "before")
    (small.installation.folder / "file").write_bytes(content_of("file", MIB))
    with pytest.raises(CommandFailed, match="space"):
        await small.run("cp", str(small.installation.folder / "file"), f"outlast://{BUCKET}/in-vain/cp")
    disks.make_room(*ALL)
    await write(client, "after")
    await read(client, "after")
    await nothing_came_of_it(client)
    assert gateway.is_running()


@pytest.mark.slow
async def test_full_disks_can_be_read_while_writers_keep_trying(small: Scene, disks: SmallDisks) -> None:
    client = await small.client(await small.serve())
    await write(client, "before")
    disks.fill(*ALL)

    refused = [0] * 4

    async def keep_trying(number: int) -> None:
        while True:
            status = (await client.put(BUCKET, f"in-vain/{number}", b"x")).status
            assert status in (200, 503), "there is room for a few votes in a journal's last page"
            refused[number] += status == 503
            await CLOCK.sleep(RETRY_S)

    trying = [asyncio.ensure_future(keep_trying(number)) for number in range(len(refused))]
    try:
        while min(refused) < 3:
            await read(client, "before")
    finally:
        for task in trying:
            task.cancel()
        ended = await asyncio.gather(*trying, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


@pytest.mark.slow
async def test_read_only_disks_take_nothing_and_give_everything(small: Scene, disks: SmallDisks) -> None:
    gateway = await small.serve()
    client = await small.client(gateway)
    await write(client, "before")
    disks.freeze(*ALL)
    for _ in range(3):  # more than once: what is refused is no reason to give up on what can be read
        await write_in_vain(client, "read-only")
        await read(client, "before")
    elsewhere = await small.client(await small.serve_elsewhere())
    await read(elsewhere, "before")
    disks.thaw(*ALL)

    async def writes_go_on() -> bool:
        return (await client.put(BUCKET, "thawed", b"x")).status == 200

    await eventually(writes_go_on, 2 * NOTICED_S)
    await write(client, "after")
    await read(elsewhere, "after")
    await nothing_came_of_it(client)
    assert gateway.is_running()
