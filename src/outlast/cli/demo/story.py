"""What happens in the demonstration, in order, and the report of it."""

import asyncio
import shutil
import sysconfig
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError
from outlast.cli.demo.client import DemoClient
from outlast.cli.demo.gateway import Commands, DemoGateway
from outlast.cli.demo.traffic import DemoTraffic

PROVIDERS = ("north", "east", "south", "west")
BUCKET = "stdlib"
clients = 16
# More than this would only make the demonstration longer.
file_bytes_max = 32 * limits.MIB
# Long enough to read everything while the provider hangs, and to see it come back.
hang_s = 20
# A second one finds what was written during the first; more should never be needed.
repairs_max = 5

Say = Callable[[str], None]


@dataclass(slots=True)
class DemoStage:
    """What the story is played with."""

    folder: Path
    commands: Commands
    gateway: DemoGateway
    traffic: DemoTraffic
    clock: Clock
    say: Say


async def play(
    folder: Path, host: str, port: int, clock: Clock, entropy: Entropy, say: Say
) -> dict[str, Any]:
    """Tell the whole story in an empty `folder`; the report. What was started is stopped in any case."""
    commands = Commands(folder / "outlast.toml", folder / "state")
    await _create(folder, commands, say)
    key = await commands.run("key", "create", "demo")
    gateway = await commands.serve(host, port, folder / "gateway.log")
    say(f"gateway: {gateway.endpoint}, process {gateway.pid}")
    try:
        client = DemoClient(
            gateway.endpoint, key["access_key_id"], key["secret_access_key"], clock, clients + 1
        )
        async with client:
            await client.create_bucket(BUCKET)
            traffic = DemoTraffic(client, BUCKET, clock, entropy)
            stage = DemoStage(folder, commands, gateway, traffic, clock, say)
            await _load(stage)
            await _lose_one(stage)
            await _hang_one(stage)
    finally:
        status = await gateway.stop()
    say(f"gateway: asked to end, ended with status {status}")
    return report(traffic, key)


async def _create(folder: Path, commands: Commands, say: Say) -> None:
    providers = [f"{name}={(folder / name).absolute().as_uri()}" for name in PROVIDERS]
    arguments = [argument for provider in providers for argument in ("--provider", provider)]
    made = await commands.run("init", *arguments, "--tolerate", "1")
    say(f"store: {len(PROVIDERS)} directories as providers, any one may be lost")
    for provider in made["providers"]:
        role = " and ".join(
            word
            for word, has in (("votes", provider["votes"]), ("holds data", provider["holds_data"]))
            if has
        )
        say(f"  {provider['name']:6} {role}")


async def _load(stage: DemoStage) -> None:
    files = await asyncio.to_thread(standard_library)
    stage.say(f"\n1. Load Python's standard library through S3: {len(files)} files")
    stage.traffic.begin("load")
    await stage.traffic.load(files, clients)
    stage.traffic.begin("read, healthy")
    await stage.traffic.read_all(clients)
    stage.traffic.end()
    _say_phases(stage, 2)


async def _lose_one(stage: DemoStage) -> None:
    victim = stage.folder / PROVIDERS[0]
    stage.say(f"\n2. Wipe {victim.name}'s directory while everything is read and writes go on")

    async def wipe() -> None:
        await asyncio.to_thread(_wipe, victim)

    await _read_through(stage, f"{victim.name} wiped", wipe)
    stage.traffic.start_writing()
    stage.traffic.begin("repair")
    restored = await _repair(stage)
    await stage.traffic.stop_writing()
    stage.traffic.end()
    _say_phases(stage, 2)
    stage.say(f"   outlast repair: {restored} fragments restored, nothing is missing any more")


async def _hang_one(stage: DemoStage) -> None:
    victim = PROVIDERS[1]
    stage.say(f"\n3. Make {victim} hang: no request to it is answered any more, none is refused")

    async def hang() -> None:
        await stage.commands.run("drill", victim, "--shape", "hang", "--seconds", str(hang_s), "--detach")

    begun = stage.clock.monotonic()
    await _read_through(stage, f"{victim} hangs", hang)
    await stage.clock.sleep(max(0.0, hang_s - (stage.clock.monotonic() - begun)))
    restored = await _repair(stage)
    stage.traffic.begin("all back")
    await stage.traffic.read_all(clients)
    stage.traffic.end()
    _say_phases(stage, 2)
    stage.say(f"   outlast repair: {restored} fragments restored, nothing is missing any more")


async def _repair(stage: DemoStage) -> int:
    """Repair until nothing is missing, as one should before anything else is lost; the fragments restored."""
    restored = 0
    for _ in range(repairs_max):
        restored += int((await stage.commands.run("repair", accept=(0, 1)))["restored"])
        if not (await stage.commands.run("status"))["extents_degraded"]:
            return restored
    raise ConfigError("the store is not whole again after several repairs", "see outlast status")


async def _read_through(stage: DemoStage, name: str, harm: Callable[[], Awaitable[None]]) -> None:
    """Read everything and go on writing; the harm is done once the first requests are in flight."""
    stage.traffic.begin(name)
    stage.traffic.start_writing()
    reading = asyncio.create_task(stage.traffic.read_all(clients))
    await harm()
    await reading
    await stage.traffic.read_all(clients)  # again: everything, with the loss as a fact
    await stage.traffic.stop_writing()
    stage.traffic.end()


def standard_library() -> list[tuple[str, bytes]]:
    """(key, content) of the files of this machine's standard library, without what was installed into it."""
    top = Path(sysconfig.get_path("stdlib"))
    left_out = {"site-packages", "dist-packages", "__pycache__"}
    files = [
        path
        for path in sorted(top.rglob("*"))
        if path.is_file()
        and not left_out.intersection(path.relative_to(top).parts)
        and path.stat().st_size <= file_bytes_max
    ]
    return [(path.relative_to(top).as_posix(), path.read_bytes()) for path in files]


def _wipe(folder: Path) -> None:
    """Remove everything in the folder for good."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)  # somebody writes into it meanwhile
        else:
            path.unlink(missing_ok=True)


def _say_phases(stage: DemoStage, count: int) -> None:
    stage.say(
        f"   {'':16}{'written':>9}{'read':>7}{'MB/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'failed':>8}{'wrong':>7}"
    )
    for phase in stage.traffic.phases[-count:]:
        stage.say(
            f"   {phase.name:16}{phase.written:9}{phase.read:7}{phase.rate:8.1f}"
            f"{phase.percentile_ms(0.5):8.1f}{phase.percentile_ms(0.99):8.1f}"
            f"{len(phase.failures):8}{phase.wrong:7}"
        )


def report(traffic: DemoTraffic, key: dict[str, str]) -> dict[str, Any]:
    """The figures, as `--json` gives them."""
    return {
        "bucket": BUCKET,
        "objects": traffic.objects,
        "failures_survived": 2,
        "requests": sum(phase.read + phase.written + len(phase.failures) for phase in traffic.phases),
        "requests_failed": sum(len(phase.failures) for phase in traffic.phases),
        "first_failures": [failure for phase in traffic.phases for failure in phase.failures][:5],
        "wrong_answers": sum(phase.wrong for phase in traffic.phases),
        "access_key_id": key["access_key_id"],
        "secret_access_key": key["secret_access_key"],
        "phases": [
            {
                "name": phase.name,
                "seconds": round(phase.seconds, 2),
                "written": phase.written,
                "read": phase.read,
                "mb_per_s": round(phase.rate, 1),
                "p50_ms": round(phase.percentile_ms(0.5), 2),
                "p99_ms": round(phase.percentile_ms(0.99), 2),
                "failed": len(phase.failures),
                "wrong": phase.wrong,
            }
            for phase in traffic.phases
        ],
    }
