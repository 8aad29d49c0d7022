"""The design's assumptions, as switches: the world keeps an assumption while its switch is on.

Each is listed in docs/internals/simulator.md with the violation that is found when it is off, and has a
profile that turns it off and a test that asserts exactly that. A fault model that is gentler than reality for
any other reason is a mistake.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assume:
    """See the module's docstring. Off is False."""

    no_more_are_harmed_than_tolerated: bool = True
    """At most as many providers as the policy tolerates are harmed and not yet restored."""
    erasure_takes_the_marker_first_over_networks: bool = True
    """A bucket is emptied in the order of names, in which the marker is first. (A disk in any order.)"""
    erasure_over_networks_outlasts_a_vote: bool = True
    """Between the marker and the next object that is deleted there, every operation begun before ends."""
    no_provider_is_rolled_back: bool = True
    """No provider returns to an earlier state, marker included (a virtual machine's snapshot)."""
    reads_see_writes: bool = True
    """A `get` returns what was acknowledged before, or fails. Off: one may return an earlier state."""
