"""The one wiring of a store: what the simulator proves is what production runs.

Guards and a local catalog go in, a store comes out: the log over the voters, the catalog over the log, the
store over both. What the log says about providers themselves (a new incarnation, a drill) takes effect here,
at the moment in which it is applied.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from outlast.assembly.rebuild import Rebuilder
from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.catalog.catalog import Catalog
from outlast.catalog.judgement import Outcome
from outlast.catalog.records import AnyRecord, DrillSet, ProviderReattached
from outlast.catalog.state import State
from outlast.coding.keys import Keyring
from outlast.coding.seal import Box
from outlast.providers.quota import Quota
from outlast.providers.wrap.guard import Guard
from outlast.quorum.log import Log, VoterPlace
from outlast.store import Fleet, Store

Report: TypeAlias = Callable[[BaseException], None]

GATEWAY_ID_BYTES = 16


def wire_store(
    state: State,
    guards: Mapping[str, Guard],
    voters: Sequence[VoterPlace],
    keyring: Keyring,
    clock: Clock,
    entropy: Entropy,
    report: Report,
    drill: Callable[[DrillSet], None],
    quotas: Mapping[str, Quota] | None = None,
) -> Store:
    """Wire the store, not open yet. Closing it closes the log, `state`, and what is below the guards.

    `drill` makes a provider fail as the record says. `report` is called with errors in the background.
    """
    log = Log(
        voters,
        Box(keyring.log, entropy),
        entropy.bytes(GATEWAY_ID_BYTES),
        clock,
        entropy,
        state.apply,
        state.position,
        report,
    )
    catalog = Catalog(log, state, clock)

    def applied(record: AnyRecord, outcome: Outcome) -> None:
        match record:
            case DrillSet():
                drill(record)
            case ProviderReattached() if record.provider in guards:
                guards[record.provider].expect(record.incarnation)

    def settle() -> None:
        """Update the guards' expectations and the drills from the catalog."""
        for name, incarnation in state.incarnations().items():
            if name in guards:
                guards[name].expect(incarnation)
        for record in state.drills():
            drill(record)

    state.on_applied(applied, report)
    if state.genesis is not None:
        settle()
    rebuilder = Rebuilder(log, catalog, settle, clock, report)

    async def close_below() -> None:
        await rebuilder.close()
        await log.close()
        state.close()

    return Store(catalog, Fleet(guards, clock), keyring, clock, entropy, report, close_below, log, quotas)
