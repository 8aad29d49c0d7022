"""Access keys: sealed in the catalog, known through every gateway, at hand without asking anybody."""

import asyncio

import pytest
from store_worlds import Far, in_far_store

from outlast.base.errors import AccessKeyExists, NoSuchAccessKey, StoreUnavailable
from outlast.providers.wrap.fault import Shape
from outlast.store.access import deleted_s_max, question_s, questions_max

INVENTED = "OUTLAAAAAAAAAAAAAAAA"


def asked(far: Far) -> int:
    """How many requests the providers have had."""
    providers = far.store.figures().providers
    return sum(usage.requests for provider in providers for usage in provider.usage.values())


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


def test_an_invented_id_costs_no_provider_anything() -> None:
    async def test(far: Far) -> None:
        before = asked(far)
        for id in (INVENTED, "AKIAIOSFODNN7EXAMPLE", "x", "", "\ud800" * 20):
            assert await far.store.access_key(id) is None
        assert asked(far) == before

    in_far_store(test)


def test_ids_of_deleted_keys_share_a_few_questions() -> None:
    async def test(far: Far) -> None:
        gone = [await far.store.create_access_key(f"gone{number}") for number in range(3)]
        for key in gone:
            await far.store.delete_access_key(key.name)
        before = asked(far)
        await far.store.catalog.sync()
        question = asked(far) - before
        for _ in range(20):
            for key in gone:
                assert await far.store.access_key(key.id) is None
        assert asked(far) - before == (1 + questions_max) * question
        await far.settle(2.5 * question_s)
        before = asked(far)
        await asyncio.gather(*(far.store.access_key(key.id) for key in gone for _ in range(20)))
        assert asked(far) - before < 2 * question, "those who come together share one"

    in_far_store(test)


def test_a_new_key_of_another_gateway_works_within_five_seconds_whoever_asks_for_deleted_ones() -> None:
    async def test(far: Far) -> None:
        other = (await far.world.gateway()).store
        gone = await far.store.create_access_key("gone")
        await far.store.delete_access_key("gone")
        for _ in range(2 * questions_max):
            assert await other.access_key(gone.id) is None
        new = await far.store.create_access_key("new")
        began = far.world.clock.monotonic()
        while await other.access_key(new.id) != new:
            assert await other.access_key(gone.id) is None
            await far.settle(0.1)
        assert far.world.clock.monotonic() - began <= question_s + 0.2

    in_far_store(test)


def test_an_issued_id_is_not_said_to_be_unknown_while_nobody_can_be_asked() -> None:
    async def test(far: Far) -> None:
        other = (await far.world.gateway()).store
        new = await far.store.create_access_key("new")
        for fault in far.faults.values():
            fault.shape = Shape.REFUSE
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await other.access_key(new.id)

    in_far_store(test)


def test_a_key_deleted_elsewhere_is_found_out_by_whoever_looks_again() -> None:
    async def test(far: Far) -> None:
        other = (await far.world.gateway()).store
        key = await far.store.create_access_key("laptop")
        assert await other.access_key(key.id) == key
        await far.store.delete_access_key("laptop")
        await far.settle(deleted_s_max)
        assert await other.access_key(key.id) == key  # its signature is verified without asking anybody
        assert not await other.access_key_exists(key.id)
        assert not other.knows_access_key(key.id)

    in_far_store(test)


def test_who_writes_all_the_time_asks_for_no_key() -> None:
    """A write that was agreed on shows what was decided before it."""

    async def test(far: Far) -> None:
        key = await far.store.create_access_key("laptop")
        await far.settle(2 * deleted_s_max)
        await far.store.put("bucket", "k", b"x")
        before = asked(far)
        assert await far.store.access_key_exists(key.id)
        assert asked(far) == before

    in_far_store(test)
