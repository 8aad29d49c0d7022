"""How often a late answer may be answered by asking somebody else as well.

Hedging cuts the tail when one provider is slow, and doubles the load when all of them are. So it has a
budget: a token bucket that every first request fills a little and every hedge empties by one. In steady
state at most `hedge_share_max` of the requests are hedges; the bucket's size is for the moment in which one
provider begins to fail. (Dean and Barroso, "The Tail at Scale", 2013.)

Replacing a request that has *failed* is no hedge. And a hedge needs no token after twice the time in which 95
of 100 are answered, at a provider that is on time itself (`gather`): 200 readers that meet a hanging provider
at once cannot wait for a bucket of ten. That is not the storm which the budget is for: when all providers get
slow at once, nobody is on time as soon as the first hedges are late, each window asks each provider once, and
what is usual follows within some twenty answers. Such hedges are on credit: until they are paid, others wait.
"""

hedge_share_max = 0.1
hedge_burst_max = 10.0
# What hedges on credit may leave to be paid: as many as readers usually meet a hanging provider at once. A
# thousand requests pay it.
hedge_debt_max = 100.0


class Hedges:
    """The token bucket, and what became of the hedges."""

    def __init__(self) -> None:
        self.fired = 0
        self.won = 0
        """Hedges that were answered before the request that was late."""
        self.lost = 0
        """All others that have ended: `fired - won - lost` are under way."""
        self._tokens = hedge_burst_max

    def earn(self) -> None:
        """A request was made in the ordinary way."""
        self._tokens = min(hedge_burst_max, self._tokens + hedge_share_max)

    def spend(self, *, on_credit: bool = False) -> bool:
        """Whether one more request may be made because another is late; it is counted if so.

        `on_credit`: also without a token. See the module's docstring.
        """
        if self._tokens < 1 and not on_credit:
            return False
        self._tokens = max(-hedge_debt_max, self._tokens - 1)
        self.fired += 1
        return True

    def ended(self, won: bool) -> None:
        """What became of one that `spend` had allowed."""
        if won:
            self.won += 1
        else:
            self.lost += 1
