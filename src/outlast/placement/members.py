"""The words of placement as values: what a provider shares, who takes part, how much may be lost."""

from typing import Literal, TypeAlias

from outlast.base.wire import Struct

DomainKind: TypeAlias = Literal["operator", "region", "account", "software", "location"]


class Domains(Struct, frozen=True):
    """What a provider shares with others and can lose together with them. "" is unknown."""

    operator: str
    region: str = ""
    account: str = ""
    software: str = ""
    location: str = ""


class Member(Struct, frozen=True):
    """One provider as the catalog knows it. `incarnation` is what its marker must say (16 bytes)."""

    name: str
    domains: Domains
    votes: bool
    holds_data: bool
    incarnation: bytes


class Policy(Struct, frozen=True):
    """How much may be lost: `tolerate` failure domains of the kind `domain`.

    `acknowledge`: a write is acknowledged when all its fragments are durable at every provider that is not
    known to be unavailable ("all"), or as soon as enough of them are to survive that loss ("early").
    """

    tolerate: int
    domain: DomainKind = "operator"
    acknowledge: Literal["all", "early"] = "all"
