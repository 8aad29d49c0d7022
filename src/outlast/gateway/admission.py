"""How many connections there may be, in all and from one address, and who gives way.

Every connection holds memory for its client, so there are no more than `connections_max`; and since a single
client must not have them all, no more than `address_part_max` of them from one address, or from one network
of 64 bits where addresses are IPv6: who has one of these has all of its addresses. (Behind a reverse
proxy all have one address: limit the proxy to as many connections.) Beyond that the connection that has been
idle for longest is closed. If none is idle, the first request on the new connection is answered with
`SlowDown`, so that its client tries again a little later; and if too many wait for that answer already, the
new connection is closed at once.
"""

import resource
from collections import Counter
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Protocol

from outlast.base.clock import Clock

# Beside what `memory` counts, a connection holds a head, 48 KiB of a body that has not been asked for, or an
# answer of 64 KiB (`call.SMALL_ANSWER_BYTES`), and some 30 KiB of its own: 100 MiB for all of them.
connections_max = 1000
# Of these, one address may have half.
address_part_max = 0.5
# A connection that has been idle for less than this is about to be used.
idle_s_min = 1.0
# Newcomers that may wait for their refusal at once. They hold a head and no body.
refused_max = 1000
# Descriptors that everything else needs: providers' sockets and files, the catalog.
descriptors_spared = 256

# What one customer gets of IPv6 (RFC 6177): a network in which any address may be taken.
ipv6_client_bits = 64


def client_of(address: str) -> str:
    """What stands for the client at this address: the address, or its network where that is what one gets."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, ipv6_client_bits), strict=False))


class Guest(Protocol):
    """A connection, as far as admission goes."""

    address: str
    """The client, as `client_of` has it."""

    @property
    def idle_since(self) -> float | None:
        """Since when nothing is under way (monotonic, in seconds); None while something is."""
        ...

    def dismiss(self) -> None:
        """Close: nothing is under way."""
        ...


def raise_descriptors() -> None:
    """Let the process open as many files as it may. For whoever owns the process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_allowed() -> int:
    """`connections_max`, or what the process's limit of open files leaves for them."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections_max
    return max(1, min(connections_max, (soft - descriptors_spared) // 2))  # half for those who are refused


class Admission:
    """Who is there. `most` connections in all."""

    def __init__(self, most: int, clock: Clock) -> None:
        self.most = most
        self.most_of_address = max(1, int(most * address_part_max))
        self.refused = 0
        """How many have been refused so far, or closed at once."""
        self._clock = clock
        self._there: dict[Guest, None] = {}  # ordered, unlike a set
        self._of_address: Counter[str] = Counter()
        self._refusals: set[Guest] = set()

    @property
    def count(self) -> int:
        """How many connections there are, without those that are being refused."""
        return len(self._there)

    def admit(self, guest: Guest) -> bool | None:
        """A new connection. True: it is one more; False: its request is to be refused; None: close it."""
        if self._of_address[guest.address] >= self.most_of_address:
            self._dismiss_idle(guest.address)
        elif self.count >= self.most:
            self._dismiss_idle()
        if self.count < self.most and self._of_address[guest.address] < self.most_of_address:
            self._there[guest] = None
            self._of_address[guest.address] += 1
            return True
        self.refused += 1
        if len(self._refusals) >= refused_max:
            return None
        self._refusals.add(guest)
        return False

    def left(self, guest: Guest) -> None:
        """The connection is closed. It does not matter how often this is said."""
        self._refusals.discard(guest)
        if guest in self._there:
            del self._there[guest]
            self._of_address[guest.address] -= 1
            if not self._of_address[guest.address]:
                del self._of_address[guest.address]

    def _dismiss_idle(self, address: str | None = None) -> None:
        """Close the connection that has been idle for longest, if there is one (of this address)."""
        idle = [
            (since, guest)
            for guest in self._there
            if address in (None, guest.address) and (since := guest.idle_since) is not None
        ]
        since, guest = min(idle, key=lambda each: each[0], default=(0.0, None))
        if guest is not None and self._clock.monotonic() - since >= idle_s_min:
            self.left(guest)
            guest.dismiss()
