"""What follows from a policy: how data is cut, which members vote, and what prevents it.

With tolerance f and n data domains there are m = f parity fragments and k = n - f data fragments, so that any
f domains may be lost. k is capped: beyond 4 the space saved is small, while every read has more places to
wait for. The remaining domains serve as spares, for extents written while a provider is down.
"""

from collections.abc import Sequence

from outlast.base.errors import ConfigError
from outlast.base.wire import Struct
from outlast.placement.domains import UNKNOWN, by_domain, domain_of
from outlast.placement.members import Member, Policy

K_MAX = 4
TOLERATE_MAX = 4
"""What the erasure code can restore (`coding.erasure.M_MAX`)."""


class Problem(Struct, frozen=True):
    """Why a policy cannot be met, and what would help; both as text for people."""

    what: str
    remedy: str


def data_layout(policy: Policy, members: Sequence[Member]) -> tuple[int, int]:
    """(k, m) for new extents. Raises `ConfigError` if there are too few data domains.

    With tolerance 0 there is one copy in one place: cutting it up would only add places whose loss loses it.
    """
    f = policy.tolerate
    n = len(_data_domains(policy, members))
    if n < f + 1:
        _refuse(_too_few_for_data(policy, n))
    return (min(K_MAX, n - f), f) if f else (1, 0)


def choose_voters(policy: Policy, members: Sequence[Member]) -> tuple[str, ...]:
    """The names of 2f + 1 voters, each in a different domain. Raises `ConfigError` if there are too few.

    Data holders come before witnesses, in the given order. The log carries the small objects, so voting takes
    space, and a witness is commonly chosen because it has little. This also makes log and data depend on the
    same few domains: one loss fewer to consider.
    """
    needed = 2 * policy.tolerate + 1
    willing = sorted((member for member in members if member.votes), key=lambda member: not member.holds_data)
    domains = by_domain(willing, policy.domain)
    if len(domains) < needed:
        _refuse(_too_few_voters(policy, len(domains)))
    return tuple(group[0].name for group in list(domains.values())[:needed])


def problems(policy: Policy, members: Sequence[Member]) -> list[Problem]:
    """Everything that prevents these members from meeting the policy; empty if nothing does."""
    found = _unknown_domains(policy, members) + _same_names(members)
    if not 0 <= policy.tolerate <= TOLERATE_MAX:
        found.append(
            Problem(
                f"tolerance {policy.tolerate} is not supported",
                f"choose a tolerance from 0 to {TOLERATE_MAX}",
            )
        )
        return found
    n = len(_data_domains(policy, members))
    if n < policy.tolerate + 1:
        found.append(_too_few_for_data(policy, n))
    n = len(by_domain((member for member in members if member.votes), policy.domain))
    if n < 2 * policy.tolerate + 1:
        found.append(_too_few_voters(policy, n))
    return found


def _data_domains(policy: Policy, members: Sequence[Member]) -> dict[str, list[Member]]:
    return by_domain((member for member in members if member.holds_data), policy.domain)


def _too_few_for_data(policy: Policy, n: int) -> Problem:
    needed = policy.tolerate + 1
    return Problem(
        f"data needs {needed} different {policy.domain}s, so that {policy.tolerate} may be lost;"
        f" {n} can hold data",
        f"add providers that can hold data, of {needed - n} more {policy.domain}(s), or lower the tolerance",
    )


def _too_few_voters(policy: Policy, n: int) -> Problem:
    needed = 2 * policy.tolerate + 1
    return Problem(
        f"{needed} different {policy.domain}s must vote, so that {policy.tolerate} may be lost; {n} can vote",
        f"add providers that can vote, of {needed - n} more {policy.domain}(s), or lower the tolerance"
        " (a witness votes and holds no data)",
    )


def _unknown_domains(policy: Policy, members: Sequence[Member]) -> list[Problem]:
    return [
        Problem(
            f"{member.name}: its {policy.domain} is not known, so it cannot count as a separate one",
            f"set it in the provider's URL: ?{policy.domain}=...",
        )
        for member in members
        if domain_of(member, policy.domain) == UNKNOWN
    ]


def _same_names(members: Sequence[Member]) -> list[Problem]:
    names = [member.name for member in members]
    return [
        Problem(f"{name}: several providers have this name", "give each provider its own name")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]


def _refuse(problem: Problem) -> None:
    raise ConfigError(problem.what, problem.remedy)
