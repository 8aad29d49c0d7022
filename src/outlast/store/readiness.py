"""Whether this process can serve the store now, as far as it knows without a request to a provider.

It can if the log was current at the last read index or has decided something since, and if the breakers of
enough voters for a quorum are closed. What it knows is a few seconds old while the log is followed
(`maintenance.follow`).
"""

from outlast.catalog.catalog import Catalog
from outlast.quorum.ballot import majority
from outlast.store.fleet import Fleet


def why_not_ready(catalog: Catalog, fleet: Fleet) -> str:
    """Return why not, for people who may see the providers' names; "" if it can."""
    genesis = catalog.state.genesis
    if genesis is None:
        return "nothing is known of the store yet"
    if not catalog.reached_voters:
        return "too few of the voters answer: " + ", ".join(genesis.voters)
    if len(down := fleet.down(genesis.voters)) > len(genesis.voters) - majority(len(genesis.voters)):
        return "too few of the voters are available: " + ", ".join(down) + " are not"
    return ""
