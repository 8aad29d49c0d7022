"""`outlast simulate`: how available a store is, and how safe its data are, over many years.

Outages and losses are drawn at random, with the rates of a table, for every cause that providers share
(operator, region, account, credential, software, location) and for each provider; the store fails when too
many are away at once. Without `--providers` it is your own store, as its members and policy are now.

Every figure comes with its 95 % interval, how many failures were seen, and all that was assumed.
[The simulation](../guide/simulate.md) explains the method.
"""

from pathlib import Path
from typing import Annotated

from outlast.base.errors import ConfigError
from outlast.cli.declare import Option
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.session import run, store_at
from outlast.placement.members import DomainKind, Policy
from outlast.placement.policy import TOLERATE_MAX

# More takes longer than a person waits, and failure biasing has seen what is rarer.
years_max = 100_000_000
providers_max = 32


def simulate(
    providers: Annotated[
        int | None,
        Option(
            min=1,
            max=providers_max,
            help="Simulate a hypothetical store with N providers instead of this one.",
        ),
    ] = None,
    tolerate: Annotated[
        int | None,
        Option(min=0, max=TOLERATE_MAX, help="How many of the --providers may be lost.", show_default="1"),
    ] = None,
    domain: Annotated[
        DomainKind | None,
        Option(
            help="In which kind of failure domain the --providers differ; they share all others.",
            show_default="operator",
        ),
    ] = None,
    years: Annotated[
        int, Option(min=1, max=years_max, help="How many years to watch the store.")
    ] = 1_000_000,
    seed: Annotated[int, Option(min=0, help="The same seed gives the same figures.")] = 1,
    rates: Annotated[
        Path | None,
        Option(help="A table of rates (TOML).", show_default="the one that comes with Outlast"),
    ] = None,
    repair_hours: Annotated[
        float | None,
        Option(min=0.01, help="Mean time until erased data is restored.", show_default="the table's"),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Simulate years of outages: availability, durability, and what they depend on."""

    async def work() -> None:
        # Here: numpy takes as long to load as all else together, and only this verb needs it.
        from outlast.cli.forecasting import print_forecast
        from outlast.outages.simulate import default_rates, described, layout_of, load_rates

        table = default_rates() if rates is None else load_rates(rates)
        if repair_hours is not None:
            table = table.repaired_in(repair_hours)
        if providers is not None:
            layout = described(providers, Policy(1 if tolerate is None else tolerate, domain or "operator"))
        elif tolerate is not None or domain is not None:
            raise ConfigError("--tolerate and --domain describe a store", "say --providers, too")
        else:
            async with store_at(config, state_dir) as store:
                state = store.catalog.state
                layout = layout_of(state.members(), state.policy(), state.voters())
        print_forecast(layout, table, years, seed, json)

    run(work(), json)
