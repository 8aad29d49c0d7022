"""How often a late request may be hedged with a request to another provider.

Hedging cuts the tail when one provider is slow, and doubles the load when all of them are. So it has a
budget: a token bucket that every first request fills a little and every hedge empties by one. In steady
state at most `hedge_share_max` of the requests are hedges; the bucket's size covers the moment in which one
provider begins to fail. (Dean and Barroso, "The Tail at Scale", 2013.)

Replacing a request that has *failed* is not a hedge. And a hedge needs no token after twice the 95th
percentile, at a provider that is itself on time (`gather`): 200 readers that hit a hanging provider at once
cannot wait for a bucket of ten. That is not the storm that the budget prevents: when all providers become
slow at once, none is on time as soon as the first hedges are late, each window sends each provider one
request, and the usual time adapts within some twenty answers. Such hedges are on credit: until they are
paid, others wait.
"""

hedge_share_max = 0.1
hedge_burst_max = 10.0
# The most debt that hedges on credit may leave: as many as there usually are readers when a provider begins
# to hang. A thousand requests pay it.
hedge_debt_max = 100.0


class Hedges:
    """The token bucket, and the outcomes of the hedges."""

    def __init__(self) -> None:
        self.fired = 0
        self.won = 0
        """Hedges that were answered before the request that was late."""
        self.lost = 0
        """All others that have ended: `fired - won - lost` are in flight."""
        self._tokens = hedge_burst_max

    def earn(self) -> None:
        """Count an ordinary request."""
        self._tokens = min(hedge_burst_max, self._tokens + hedge_share_max)

    def spend(self, *, on_credit: bool = False) -> bool:
        """Whether one more request may be sent because another is late; it is counted if so.

        `on_credit`: even without a token. See the module's docstring.
        """
        if self._tokens < 1 and not on_credit:
            return False
        self._tokens = max(-hedge_debt_max, self._tokens - 1)
        self.fired += 1
        return True

    def ended(self, won: bool) -> None:
        """Count the outcome of a hedge that `spend` had allowed."""
        if won:
            self.won += 1
        else:
            self.lost += 1
