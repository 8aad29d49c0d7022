"""Members for tests, and strategies that make them."""

from hypothesis import strategies as st

from outlast.placement.members import Domains, Member, Policy


def member(name: str, operator: str | None = None, *, votes: bool = True, holds_data: bool = True) -> Member:
    """A member that is its own operator when none is given."""
    domains = Domains(operator=name if operator is None else operator, region=f"region of {operator or name}")
    return Member(name=name, domains=domains, votes=votes, holds_data=holds_data, incarnation=bytes(16))


def fleet(count: int) -> list[Member]:
    return [member(f"p{i}") for i in range(count)]


def some_members(operators: str = "abcdefg") -> st.SearchStrategy[list[Member]]:
    """Up to nine members of a few operators; an operator may be unknown."""
    kinds = st.tuples(st.sampled_from([*operators, ""]), st.booleans(), st.booleans())
    return st.lists(kinds, max_size=9).map(
        lambda made: [
            member(f"m{i}", operator, votes=votes, holds_data=holds)
            for i, (operator, votes, holds) in enumerate(made)
        ]
    )


policies = st.builds(Policy, tolerate=st.integers(0, 3))


@st.composite
def sound_stores(draw: st.DrawFn) -> tuple[Policy, list[Member]]:
    """A policy and members that keep it: 2f + 1 that do everything, and some more of any kind."""
    policy = draw(policies)
    more = [member for member in draw(some_members()) if member.domains.operator]
    return policy, draw(st.permutations([*fleet(2 * policy.tolerate + 1), *more]))
