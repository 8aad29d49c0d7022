"""`outlast drill`: make one provider of the live store fail on purpose, for a limited time.

The order goes through the log, so every gateway obeys it, and every gateway ends it by its own clock,
also if nobody is there any more to end it. The provider itself is not touched: the gateways only treat
it as failing.
"""

from typing import Annotated

import typer

from outlast.base.clock import SystemClock, unix_ms
from outlast.base.errors import ConfigError
from outlast.catalog.records import DrillSet
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json, print_line
from outlast.cli.session import run, store_at
from outlast.cli.status import ask_everybody, domains_away
from outlast.providers.wrap.fault import Shape
from outlast.store import Store

# Longer than this is no drill; it can be repeated.
seconds_max = 24 * 3600


def drill(
    provider: Annotated[str, typer.Argument(help="The provider that shall fail.")],
    shape: Annotated[
        Shape, typer.Option(metavar="SHAPE", help=f"How it fails: {', '.join(Shape)}.")
    ] = Shape.REFUSE,
    seconds: Annotated[int, typer.Option(min=1, max=seconds_max, help="For how long.")] = 60,
    stop: Annotated[bool, typer.Option("--stop", help="End a drill at this provider instead.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even if more would be down than the store tolerates.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Make a provider fail on purpose, at every gateway, until the time is over."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            await _check(store, provider, force or stop)
            until = 0 if stop else unix_ms(SystemClock()) + 1000 * seconds
            await store.catalog.commit(DrillSet(provider, "" if stop else shape, until))
        if json:
            print_json({"provider": provider, "shape": None if stop else shape, "until_ms": until})
        else:
            print_line(f"{provider}: drill ended" if stop else f"{provider}: {shape} for {seconds} s")

    run(work(), json)


async def _check(store: Store, provider: str, force: bool) -> None:
    """Raise `ConfigError` for a provider that is none, or if the store would not bear the drill."""
    await ask_everybody(store)
    status = await store.status()
    names = [one.name for one in status.providers]
    if provider not in names:
        raise ConfigError(f"there is no provider {provider!r}", f"they are: {', '.join(names)}")
    now_ms = unix_ms(SystemClock())
    drilled = [drill.provider for drill in store.catalog.state.drills() if drill.until > now_ms]
    away = len(domains_away(status, [*drilled, provider]))
    if away > status.tolerate and not force:
        raise ConfigError(
            f"that would leave {away} {status.domain}s away, and the store tolerates {status.tolerate}",
            "wait until the others are back and repaired, or say --force to see the store stop",
        )
