"""A gateway whose local catalog cannot be right builds it anew by itself, or says what to do."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from outlast.base.errors import LocalStateCorrupt, StoreError, StoreUnavailable
from outlast.coding.seal import Box
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import Batch, Submission, seal_batch
from outlast.quorum.state import StateCodec, state_key
from outlast.testing.memory_store import Gateway, World
from outlast.testing.simulation import Simulation, simulate

OBJECTS = 60
BODY_BYTES = 60_000  # inline
PAGE_BYTES = 4096


def body(n: int) -> bytes:
    return n.to_bytes(4) * (BODY_BYTES // 4)


async def fill(world: World) -> None:
    await world.store.create_bucket("bucket")
    for n in range(OBJECTS):
        await world.store.put("bucket", f"k{n}", body(n))


async def read_all(gateway: Gateway) -> None:
    for n in range(OBJECTS):
        assert await (await gateway.store.get("bucket", f"k{n}")).read() == body(n)


async def recovered(sim: Simulation, gateway: Gateway) -> None:
    """Until the gateway answers again."""
    for _ in range(600):
        try:
            await gateway.store.get("bucket", "k0")
        except StoreError:
            await sim.clock.sleep(0.1)
        else:
            return
    raise AssertionError("it does not answer")


def in_world(test: Callable[[Simulation, World], Awaitable[None]]) -> None:
    async def main(sim: Simulation) -> None:
        world = World(clock=sim.clock, entropy=sim.entropy)
        await world.create()
        await world.gateway()
        await test(sim, world)
        await world.close()

    simulate(1, main)


def damage(gateway: Gateway, path: Path) -> None:
    """Flip a byte in most pages of the file, as decay does, and let SQLite forget what it has read."""
    connection = gateway.state._database._connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        data = bytearray(file.read())
        for at in range(20 * PAGE_BYTES + 100, len(data), PAGE_BYTES):
            data[at] ^= 0xFF
        file.seek(0)
        file.write(data)
    connection.execute("PRAGMA shrink_memory")


def test_a_catalog_that_is_damaged_in_use_is_built_anew(tmp_path: Path) -> None:
    async def test(sim: Simulation, world: World) -> None:
        await fill(world)
        path = tmp_path / "catalog.db"
        gateway = await world.gateway(path)
        await read_all(gateway)
        heard: list[object] = []
        gateway.state.on_applied(
            lambda record, outcome: heard.append(record), world.gateways[0].errors.append
        )
        wrong = 0
        damage(gateway, path)
        for n in range(OBJECTS):
            try:
                got = await (await gateway.store.get("bucket", f"k{n}")).read()
            except StoreError:
                wrong += 1
            else:
                assert got == body(n), "nothing that is damaged is ever shown"
        assert wrong > 0
        await recovered(sim, gateway)
        await read_all(gateway)
        assert [type(error) for error in gateway.errors] == [LocalStateCorrupt]
        gateway.errors.clear()
        await gateway.store.put("bucket", "after", b"after")
        assert len(heard) == 1, "observers stay, and do not hear all of it again"

    in_world(test)


def test_a_catalog_ahead_of_providers_that_were_rolled_back_is_built_anew() -> None:
    async def test(sim: Simulation, world: World) -> None:
        await world.store.create_bucket("bucket")
        await world.store.put("bucket", "k0", body(0))
        other = await world.gateway()
        await sim.clock.sleep(10)
        snapshots = {name: dict(memory._objects) for name, memory in world.memories.items()}
        await world.store.put("bucket", "k1", body(1))
        ahead = world.gateways[0]
        for name, memory in world.memories.items():
            memory.wipe()
            for key, data in snapshots[name].items():
                memory._store("put", key, data)
        await other.store.put("bucket", "k2", body(2))
        await other.store.put("bucket", "k3", body(3))
        with pytest.raises(StoreUnavailable):
            for _ in range(10):
                await ahead.store.put("bucket", "k4", body(4))
        await recovered(sim, ahead)
        for name, there in (("k1", False), ("k2", True), ("k3", True)):
            assert (ahead.state.version("bucket", name) is not None) is there
        assert ahead.state.fingerprint() == other.state.fingerprint()
        ahead.errors.clear()

    in_world(test)


def test_providers_that_hold_two_histories_are_said_with_what_to_do() -> None:
    async def test(sim: Simulation, world: World) -> None:
        await fill(world)
        gateway = world.gateways[0]
        slot = gateway.state.position.slot + 1
        seal = Box(world.keyring.log, world.entropy)
        forked = seal_batch(seal, slot, Batch(b"x" * 32, b"e" * 16, (Submission(b"e" * 16, 1, (b"",)),)))
        ballot = Ballot(0, b"e" * 16)
        for name in world.voters:
            _, data = StateCodec(seal, name).encode(slot, None, SlotState(ballot, ballot, forked))
            await world.memories[name].put(state_key(slot, 0), data)
        with pytest.raises(StoreUnavailable):
            await gateway.store.get("bucket", "k0")
        await sim.clock.sleep(10)
        with pytest.raises(StoreUnavailable, match="the providers do not hold one history"):
            await gateway.store.get("bucket", "k0")
        assert len(gateway.errors) == 2
        gateway.errors.clear()

    in_world(test)


def test_what_keeps_a_catalog_from_being_built_anew_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(sim: Simulation, world: World) -> None:
        await fill(world)
        gateway = world.gateways[0]

        def no_space() -> None:
            raise OSError("no space left")

        monkeypatch.setattr(gateway.state, "beside", no_space)
        gateway.state.on_damage(LocalStateCorrupt("planted"))
        await sim.clock.sleep(1)
        with pytest.raises(StoreUnavailable, match="no space left"):
            await gateway.store.get("bucket", "k0")
        assert [str(error) for error in gateway.errors] == ["planted", "no space left"]
        gateway.errors.clear()

    in_world(test)
