"""How much of a provider may be used, according to its URL, so that free tiers can be combined.

    ?quota_bytes=10GB&quota_requests=50000&quota_egress=10GiB

`quota_bytes` limits what is stored there, `quota_requests` and `quota_egress` are per month. Sizes take
units: kB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB of 1024, as operators write them; counts take
k and M.

Values only. Counting, and what happens to a provider whose quota is used up, is in `store.quotas`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from outlast.base.errors import ConfigError

options = ("quota_bytes", "quota_requests", "quota_egress")

_size = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(B|([kKMGTP])(i?)B)?", re.ASCII)
_count = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?([kM]?)", re.ASCII)
_powers = {"k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


@dataclass(frozen=True, slots=True)
class Quota:
    """Bytes that may be stored there, and requests and bytes read per month. None is unlimited."""

    bytes: int | None = None
    requests: int | None = None
    egress: int | None = None

    @property
    def monthly(self) -> bool:
        """Whether a limit needs counting by month."""
        return self.requests is not None or self.egress is not None


unlimited = Quota()


def read_quota(name: str, given: Mapping[str, str]) -> Quota:
    """The quota in the options of provider `name`. Raises `ConfigError`."""
    return Quota(
        bytes=_read(name, given, "quota_bytes", size_of, "500GB, 1.5TiB"),
        requests=_read(name, given, "quota_requests", count_of, "50000, 50k"),
        egress=_read(name, given, "quota_egress", size_of, "10GB, 100GiB"),
    )


def size_of(text: str) -> int:
    """`500GB` in bytes. Raises ValueError."""
    found = _size.fullmatch(text)
    if found is None:
        raise ValueError(f"not a size: {text!r}")
    base = 1024 if found[4] else 1000
    power: int = _powers.get(found[3] or "", 0)
    return round(float(found[1]) * float(base**power))


def count_of(text: str) -> int:
    """`50k` as a number. Raises ValueError."""
    found = _count.fullmatch(text)
    if found is None:
        raise ValueError(f"not a number: {text!r}")
    power: int = _powers.get(found[2], 0)
    return round(float(found[1]) * float(1000**power))


def _read(
    name: str, given: Mapping[str, str], option: str, read: Callable[[str], int], examples: str
) -> int | None:
    if option not in given:
        return None
    try:
        return read(given[option])
    except ValueError as error:
        raise ConfigError(f"provider {name}: {option} is {error}", f"for example {examples}") from None
