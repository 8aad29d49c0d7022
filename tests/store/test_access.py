"""Access keys: sealed in the catalog, known through every gateway, at hand without asking anybody."""

import pytest
from store_worlds import Far, in_far_store

from outlast.base.errors import AccessKeyExists, NoSuchAccessKey
from outlast.providers.wrap.fault import Shape


def test_a_key_is_created_found_listed_and_deleted() -> None:
    async def test(far: Far) -> None:
        created = await far.store.create_access_key("laptop", "bucket", read_only=True)
        assert len(created.id) == 20
        assert created.id.isalnum()
        assert len(created.secret) == 40
        assert await far.store.access_key(created.id) == created
        (row,) = await far.store.access_keys()
        assert (row.name, row.id, row.bucket, row.read_only) == ("laptop", created.id, "bucket", True)
        assert created.secret.encode() not in row.secret
        assert created.secret not in repr(created)
        with pytest.raises(AccessKeyExists):
            await far.store.create_access_key("laptop")
        await far.store.delete_access_key("laptop")
        assert await far.store.access_key(created.id) is None
        with pytest.raises(NoSuchAccessKey):
            await far.store.delete_access_key("laptop")

    in_far_store(test)


def test_a_key_of_another_gateway_is_found_and_one_known_needs_nobody() -> None:
    async def test(far: Far) -> None:
        other = (await far.world.gateway()).store
        created = await far.store.create_access_key("laptop")
        assert await other.access_key(created.id) == created
        for fault in far.faults.values():
            fault.shape = Shape.HANG
        began = far.world.clock.monotonic()
        assert await other.access_key(created.id) == created
        assert far.world.clock.monotonic() == began

    in_far_store(test)


def test_no_secret_reaches_a_provider_in_the_clear() -> None:
    async def test(far: Far) -> None:
        created = await far.store.create_access_key("laptop")
        for memory in far.memories:
            assert all(created.secret.encode() not in data for data in memory._objects.values())

    in_far_store(test)
