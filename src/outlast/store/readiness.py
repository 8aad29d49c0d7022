"""Whether this process can serve the store now, as far as it knows without asking anybody.

It can if the log was current when it last asked, or has agreed on something since, and if as many voters as
agreement takes are available by their breakers. What it knows is a few seconds old where somebody follows the
log (`maintenance.follow`).
"""

from outlast.catalog.catalog import Catalog
from outlast.quorum.ballot import majority
from outlast.store.fleet import Fleet


def why_not_ready(catalog: Catalog, fleet: Fleet) -> str:
    """Why not, for people who may know the providers' names; "" if it can."""
    genesis = catalog.state.genesis
    if genesis is None:
        return "nothing is known of the store yet"
    if not catalog.reached_voters:
        return "too few of the voters answer: " + ", ".join(genesis.voters)
    if len(down := fleet.down(genesis.voters)) > len(genesis.voters) - majority(len(genesis.voters)):
        return "too few of the voters are available: " + ", ".join(down) + " are not"
    return ""
