"""From what a person types to a failure domain: a provider's name, `operator=Amazon`, or just `amazon`.

Case does not matter. An exact name wins over a name that begins with the term, and that over a name that
contains it; a provider's name wins over the other kinds. A term that fits several domains which do not take
the same providers is refused, and the error lists them.
"""

from collections.abc import Sequence

from outlast.base.errors import ConfigError
from outlast.outages.model import KINDS, Domain

_as_people_say = {
    "aws": "amazon",
    "s3": "amazon",
    "azure": "microsoft",
    "gcp": "google",
    "gcs": "google",
    "r2": "cloudflare",
    "b2": "backblaze",
}


def choose(terms: Sequence[str], domains: Sequence[Domain]) -> list[Domain]:
    """The domain that each term means; `+` between them is allowed. Raises `ConfigError`."""
    return [_choose_one(term, domains) for term in terms if term != "+"]


def _choose_one(term: str, domains: Sequence[Domain]) -> Domain:
    kind, _, value = term.partition("=") if "=" in term else ("", "", term)
    kind, value = kind.strip().casefold(), value.strip().casefold()
    if kind and kind not in KINDS:
        raise ConfigError(f"there is no kind of failure domain {kind!r}", f"kinds are {', '.join(KINDS)}")
    candidates = [domain for domain in domains if not kind or domain.kind == kind]
    found = _fitting(value, candidates) if value else []
    if not found:
        shown = candidates or domains
        raise ConfigError(
            f"there is no failure domain {term!r}",
            f"there are: {', '.join(dict.fromkeys(domain.name for domain in shown))}",
        )
    if len({(domain.providers, domain.maybe) for domain in found}) > 1:
        raise ConfigError(
            f"{term!r} may be any of several failure domains",
            f"say which: {', '.join(domain.name for domain in found)}",
        )
    return found[0]


def _fitting(value: str, domains: Sequence[Domain]) -> list[Domain]:
    """The domains that fit best."""
    named = [domain for domain in domains if domain.kind == "provider" and domain.value == value]
    if named:
        return named
    wanted = {value, _as_people_say.get(value, value)}
    values = [(domain, domain.value.casefold() or "?") for domain in domains]
    for fits in (str.__eq__, str.startswith, str.__contains__):
        if found := [domain for domain, whole in values if any(fits(whole, one) for one in wanted)]:
            return found
    return []
