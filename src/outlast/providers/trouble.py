"""What is wrong with a provider, named for people, and what to do about it.

A trouble is something that does not resolve itself, or that costs something meanwhile: a credential that has
expired, an emptied bucket, another store's place, a bucket that keeps what was deleted. `status`, `doctor`,
`provider probe`, and the gateway's log all use the same words, which are only here.

Values in, values out: `health` and `guard` decide when a trouble begins and ends.
"""

from dataclasses import dataclass

from outlast.base.errors import (
    Cause,
    Denied,
    Estranged,
    Expired,
    Full,
    Locked,
    NotFound,
    ProviderError,
    Unavailable,
)
from outlast.base.figures import bytes_text
from outlast.providers.marker import MARKER_KEY, Damaged, Marker
from outlast.providers.space import Space, enough_bytes, is_full


@dataclass(frozen=True, slots=True)
class Trouble:
    """`kind` is one word, for scripts; `what` and `remedy` are for people."""

    kind: str
    what: str
    remedy: str


old_copy = "old-copy"
"""The kind of the trouble with a marker of another incarnation than expected."""

emptied = Trouble(
    "emptied",
    f"its marker ({MARKER_KEY}) is missing: it was emptied, or another place is there instead",
    "correct its URL or mount the right place; if it was emptied, give it back its data: outlast repair",
)
damaged = Trouble(
    "damaged",
    "what is read from it is not what was written",
    "check its hardware or service; find and restore what is damaged or lost: outlast repair",
)
versioned = Trouble(
    "versioned",
    "it keeps, and charges for, everything that is overwritten or deleted: versioning or object lock is on",
    "suspend the bucket's versioning and have old versions expire (a lifecycle rule); a bucket with object"
    " lock cannot be freed of them: move to another",
)


def of_marker(expected: Marker, present: Marker | Damaged | None, journals: bool = False) -> Trouble | None:
    """The trouble if a provider has this marker; None if it is the expected one.

    `journals`: the log can be kept in journals there, as on a disk.
    """
    if present is None:
        return emptied
    if isinstance(present, Damaged):
        return of_damaged(present)
    if present.store != expected.store:
        return Trouble(
            "other-store",
            f"it belongs to another store: it is {present.provider!r} of {present.store.hex()}",
            "correct its URL in outlast.toml: it leads to that store's place. Nothing there was touched",
        )
    if present.provider != expected.provider:
        return Trouble(
            "swapped",
            f"it is the place of {present.provider!r} of this store",
            "correct the URLs in outlast.toml: two are swapped, or one is listed twice",
        )
    if present.incarnation != expected.incarnation:
        return Trouble(
            old_copy,
            "it is an old copy: it was lost and taken back since",
            "correct its URL or mount the right place; if this is all there is, take it back: outlast repair",
        )
    if present.segments is not None and not journals:
        return Trouble(
            "moved-log",
            "its log is in journals, which only a local disk can continue: it was copied here from one",
            "have the log written again in the form that fits: outlast repair",
        )
    return None


def of_space(space: Space, lost_in_hour: int = 0) -> Trouble | None:
    """The trouble if this much space is left; None if it is enough."""
    left = f"{bytes_text(space.free)} of {bytes_text(space.total)} are free"
    if is_full(space):
        return Trouble("full", f"its disk is full: {left}", _make_room)
    if space.free >= enough_bytes(space, lost_in_hour):
        return None
    pace = f", and {bytes_text(lost_in_hour)} were taken within an hour" if lost_in_hour > space.free else ""
    return Trouble("nearly-full", f"its disk is nearly full: {left}{pace}", _make_room)


def of_lost_log(detail: str) -> Trouble:
    """The trouble if a voter's marker exists without the log that belongs to it."""
    return Trouble("lost-log", detail, "give it back what it lost: outlast repair")


def of_damaged(marker: Damaged) -> Trouble:
    """The trouble if a marker cannot be read."""
    if marker.later:
        return Trouble(
            "later-version",
            f"its marker ({MARKER_KEY}) is {marker.reason}",
            "use that version, or a later one; nothing there is touched",
        )
    return Trouble(
        "damaged-marker",
        f"its marker ({MARKER_KEY}) is {marker.reason}, so it is not known what it has forgotten",
        "check that its URL leads to its own place, then give it back its marker and data: outlast repair",
    )


def of_drill(drill: str, provider: str) -> Trouble:
    """The trouble of a provider that a drill makes fail. `drill`: how, until when, and by whose order."""
    return Trouble(
        "drill",
        f"a drill makes it fail: {drill}",
        f"nothing is wrong with it: wait, or end the drill: outlast drill --stop {provider}",
    )


def of_error(error: ProviderError) -> Trouble:
    """What a provider's error means, and what to do about it."""
    if error.drill:
        return of_drill(error.drill, error.provider)
    what = str(error).removeprefix(f"{error.provider}: ")  # the caller names the provider
    for kind, name, remedy in _of_class:
        if isinstance(error, kind):
            return Trouble(name, what, remedy)
    if isinstance(error, Denied) and error.cause is Cause.DENIED:
        return Trouble("denied", what, _rights.get(error.verb, _rights["put"]))
    if isinstance(error, NotFound):
        return Trouble("lost", what, damaged.remedy)
    return Trouble(str(error.cause), what, _of_cause.get(error.cause, _look))


def is_lasting(error: ProviderError) -> bool:
    """Whether a person must act: it does not resolve itself."""
    gone = isinstance(error, Unavailable) and error.cause is Cause.MISSING
    return isinstance(error, Denied | Full) or gone


_make_room = "make room there, or raise its quota; until then new data goes to the others, if they suffice"
_of_class: tuple[tuple[type[ProviderError], str, str], ...] = (
    (
        Expired,
        "expired",
        "renew the credential that the provider's URL refers to, and restart what uses it",
    ),
    (
        Locked,
        "locked",
        "remove the bucket's object lock, retention or immutability policy; where that cannot be, move to a"
        " bucket without",
    ),
    (Full, "full", _make_room),
    (Estranged, "estranged", emptied.remedy),
)
_credential = "check that its credential is the right one, neither expired nor revoked, and that it"
_rights = {
    "get": f"{_credential} may read there (docs/reference/providers)",
    "head": f"{_credential} may read there (docs/reference/providers)",
    "list": f"{_credential} may list there (docs/reference/providers)",
    "put": f"{_credential} may write there (docs/reference/providers)",
    "delete": f"{_credential} may delete there, which a retention policy can forbid, too"
    " (docs/reference/providers)",
}
_look = "check its URL in outlast.toml, and measure what it can do: outlast provider probe"
# Outside Outlast, or by a command that works while the provider is in this state.
_of_cause = {
    Cause.MISSING: "correct its URL, or make the bucket again and give it back its data: outlast repair",
    Cause.UNMOUNTED: "mount its disk or correct its path in outlast.toml; if its data is lost for good,"
    " make an empty directory there and give it back its data: outlast repair",
    Cause.PERMISSION: "give the user who runs this the right to read and write there (ls -l, chown, chmod)",
    Cause.READ_ONLY: "check why it is read-only (dmesg shows disk errors), and mount it for writing again",
    Cause.CLOCK: "compare this computer's clock with others, and keep it right by NTP; if it is right, the"
    " provider's is wrong, which only its operator can set",
    Cause.REFUSED: "check that it runs and that no firewall is in between",
    Cause.DNS: "correct the host in its URL, or this computer's name resolution",
    Cause.TLS: "check who signed its certificate; for a cloud, name an authority of your own by ?ca_file=",
    Cause.PORTAL: "open its address in a browser: log in where the network wants that, or correct the URL"
    " or the proxy's settings",
    Cause.TIMEOUT: "check whether it hangs or is cut off from this computer",
    Cause.RESET: "check what breaks the connections (a proxy, its own limits)",
    Cause.THROTTLED: "send it fewer requests, or have its limits raised",
    Cause.SERVER: "see its operator's status page; for a directory, the kernel's log (dmesg)",
    Cause.CORRUPT: damaged.remedy,
    Cause.UNSUPPORTED: "it cannot do that: make the store with another role for it (?role=data)",
    Cause.SATURATED: "check whether it hangs; if it is only slow, send it fewer requests at once",
    Cause.BREAKER: "see why it is down: outlast status",
    Cause.CONFLICT: "try again: another write came first",
}
