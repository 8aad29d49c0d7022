"""What it costs to restore what an outage takes: the bytes that are read from the other providers for it.

A lost fragment is rebuilt from `k` others, which leave their operators' networks; a voter's log is read
from another voter. The most expensive sources are assumed, so the figure is an upper bound. Writes and
requests are not included. The caller supplies the prices; if one is missing, the cost is unknown.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from outlast.base.errors import ConfigError
from outlast.outages.holdings import Holdings

GB = 1e9


@dataclass(frozen=True, slots=True)
class Egress:
    """Dollars for a GB (10^9 bytes) that leaves an operator's network, by operator."""

    usd_per_gb: Mapping[str, float]

    def restoring(self, store: Holdings, away: Collection[str]) -> float | None:
        """Upper bound in dollars of restoring if the providers in `away` come back empty; None: unknown."""
        total = self._log(store, away)
        for held in store.held:
            there = [name for name in held.holders if name not in away]
            missing = len(held.holders) + len(held.gone) - len(there)
            if not missing or len(there) < held.k:
                continue
            dearest = self._dearest(store, there, held.k)
            total = None if total is None or dearest is None else total + held.fragment_bytes * dearest
        return total

    def _log(self, store: Holdings, away: Collection[str]) -> float | None:
        lacking = [voter for voter in store.voters if voter in away]
        there = [voter for voter in store.voters if voter not in away]
        if not lacking or not there or not store.log_bytes:
            return 0.0
        dearest = self._dearest(store, there, 1)
        return None if dearest is None else len(lacking) * store.log_bytes * dearest

    def _dearest(self, store: Holdings, names: Collection[str], count: int) -> float | None:
        """Dollars to read a byte from each of the `count` most expensive of these providers."""
        operators = {member.name: member.domains.operator for member in store.members}
        prices = [self.usd_per_gb.get(operators.get(name, "")) for name in names]
        known = [price for price in prices if price is not None]
        return None if len(known) < len(prices) else sum(sorted(known)[-count:]) / GB


def load_egress(path: Path) -> Egress:
    """Prices from a TOML file: one table for each operator, with `egress_gb`. Raises `ConfigError`."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        prices = {name: float(table["egress_gb"]) for name, table in tables.items() if "egress_gb" in table}
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: cannot read prices: {error}", "see docs/reference/prices.toml") from error
    return Egress(prices)
