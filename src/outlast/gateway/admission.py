"""How many connections there may be, in all and from one address, and which give way.

Every connection holds memory for its client, so there are at most `connections_max`; and since a single
client must not have them all, at most `address_part_max` of them come from one address, or from one network
of 64 bits for IPv6: a client that has one of its addresses has them all. (Behind a reverse proxy all clients
have one address: limit the proxy to as many connections.) Beyond that the connection that has been idle for
longest is closed. If none is idle, the first request on the new connection is answered with `SlowDown`, so
that its client tries again a little later; and if too many are waiting for that answer already, the new
connection is closed at once.
"""

import resource
from collections import Counter
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Protocol

from outlast.base.clock import Clock

# In addition to what `memory` counts, a connection holds a head, 48 KiB of a body that is not being read yet,
# or an answer of 64 KiB (`call.SMALL_ANSWER_BYTES`), and some 30 KiB of its own: 100 MiB for all of them.
connections_max = 1000
# One address may have half of these.
address_part_max = 0.5
# A connection that has been idle for less than this is about to be used.
idle_s_min = 1.0
# How many new connections may wait for their refusal at once. They hold a head and no body.
refused_max = 1000
# Descriptors for everything else: providers' sockets and files, the catalog.
descriptors_spared = 256

# The prefix that one customer gets of IPv6 (RFC 6177): it can use any address of that network.
ipv6_client_bits = 64


def client_of(address: str) -> str:
    """Return what identifies the client at this address: the address, or its network for IPv6."""
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
    """A connection, as admission sees it."""

    address: str
    """The client, from `client_of`."""

    @property
    def idle_since(self) -> float | None:
        """Since when no request is in progress (monotonic, in seconds); None while one is."""
        ...

    def dismiss(self) -> None:
        """Close: no request is in progress."""
        ...


def raise_descriptors() -> None:
    """Raise the process's limit of open files to the maximum. For the code that owns the process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_allowed() -> int:
    """Return `connections_max`, or what the process's limit of open files leaves for them."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections_max
    return max(1, min(connections_max, (soft - descriptors_spared) // 2))  # half for refused connections


class Admission:
    """The current connections, `most` in all."""

    def __init__(self, most: int, clock: Clock) -> None:
        self.most = most
        self.most_of_address = max(1, int(most * address_part_max))
        self.refused = 0
        """How many have been refused or closed at once so far."""
        self._clock = clock
        self._there: dict[Guest, None] = {}  # ordered, unlike a set
        self._of_address: Counter[str] = Counter()
        self._refusals: set[Guest] = set()

    @property
    def count(self) -> int:
        """How many connections there are, excluding those that are being refused."""
        return len(self._there)

    def admit(self, guest: Guest) -> bool | None:
        """Admit a new connection. True: admitted; False: refuse its request; None: close it."""
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
        """The connection is closed. May be called several times."""
        self._refusals.discard(guest)
        if guest in self._there:
            del self._there[guest]
            self._of_address[guest.address] -= 1
            if not self._of_address[guest.address]:
                del self._of_address[guest.address]

    def _dismiss_idle(self, address: str | None = None) -> None:
        """Close the connection (of this address) that has been idle for longest, if there is one."""
        idle = [
            (since, guest)
            for guest in self._there
            if address in (None, guest.address) and (since := guest.idle_since) is not None
        ]
        since, guest = min(idle, key=lambda each: each[0], default=(0.0, None))
        if guest is not None and self._clock.monotonic() - since >= idle_s_min:
            self.left(guest)
            guest.dismiss()
