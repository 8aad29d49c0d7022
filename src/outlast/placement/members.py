"""The types of placement: failure domains, members, and the policy."""

from typing import Literal, TypeAlias

from outlast.base.wire import Struct

DomainKind: TypeAlias = Literal["operator", "region", "account", "software", "location"]


class Domains(Struct, frozen=True):
    """A provider's failure domains: those in the same one can fail together. "" is unknown."""

    operator: str
    region: str = ""
    account: str = ""
    software: str = ""
    location: str = ""


class Member(Struct, frozen=True):
    """One provider as the catalog knows it. `incarnation` is what its marker must hold (16 bytes)."""

    name: str
    domains: Domains
    votes: bool
    holds_data: bool
    incarnation: bytes


Acknowledge: TypeAlias = Literal["all", "early"]

EARLY = (
    "this store acknowledges early: a large object that was written in the last moments may be lost with the "
    "next provider"
)


class Policy(Struct, frozen=True):
    """How much may be lost: `tolerate` failure domains of the kind `domain`.

    `acknowledge`: a large object is acknowledged when all its fragments are durable at every provider that
    is not known to be unavailable ("all"), or as soon as it can be read ("early"): until the others have
    arrived, the next loss may be that of the object.
    """

    tolerate: int
    domain: DomainKind = "operator"
    acknowledge: Acknowledge = "all"
