"""What is wrong with a provider, named for people, and what to do about it.

A trouble is something that does not pass by itself or that costs something meanwhile: a credential that has
expired, an emptied bucket, another store's place, a bucket that keeps what was deleted. `status`, `doctor`,
`provider probe` and the gateway's log all say the same words, which are here and nowhere else.

Values in, values out: who noticed it, and when it is over, is for `health` and `guard`.
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
from outlast.providers.marker import MARKER_KEY, Damaged, Marker


@dataclass(frozen=True, slots=True)
class Trouble:
    """`kind` is one word, for scripts; `what` and `remedy` are for people."""

    kind: str
    what: str
    remedy: str


emptied = Trouble(
    "emptied",
    f"its marker ({MARKER_KEY}) is gone: it was emptied, or another place is there instead",
    "mend its URL or mount the right place; if it really was emptied, give it its data back: outlast repair",
)
damaged = Trouble(
    "damaged",
    "what is read from it is not what was written",
    "look at its hardware or service; find and restore what is damaged or lost: outlast repair",
)
versioned = Trouble(
    "versioned",
    "it keeps, and charges for, all that is overwritten or deleted: versioning or object lock is on",
    "suspend the bucket's versioning and have old versions expire (a lifecycle rule); a bucket with object"
    " lock cannot be freed of them: move to another",
)


def of_marker(expected: Marker, present: Marker | Damaged | None, journals: bool = False) -> Trouble | None:
    """What it means that a provider has this marker; None if it is the one expected.

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
            "mend its URL in outlast.toml: it leads to that store's place. Nothing there was touched",
        )
    if present.provider != expected.provider:
        return Trouble(
            "swapped",
            f"it is the place of {present.provider!r} of this store",
            "mend the URLs in outlast.toml: two are swapped, or one is there twice",
        )
    if present.incarnation != expected.incarnation:
        return Trouble(
            "old-copy",
            "it is an old copy: it was lost and taken back since",
            "mend its URL or mount the right place; if this is all there is, take it back: outlast repair",
        )
    if present.segments is not None and not journals:
        return Trouble(
            "moved-log",
            "its log is in journals, which only a local disk can continue: it was copied here from one",
            "have the log written anew in the form that fits: outlast repair",
        )
    return None


def of_lost_log(detail: str) -> Trouble:
    """What it means that a voter's marker is there without the log that goes with it."""
    return Trouble("lost-log", detail, "give it back what it lost: outlast repair")


def of_damaged(marker: Damaged) -> Trouble:
    """What it means that a marker cannot be read."""
    if marker.later:
        return Trouble(
            "later-version",
            f"its marker ({MARKER_KEY}) is {marker.reason}",
            "use that version, or a later one; nothing there is touched",
        )
    return Trouble(
        "damaged-marker",
        f"its marker ({MARKER_KEY}) is {marker.reason}, so that nobody can tell what it has forgotten",
        "see that its URL leads to its own place; then give it a new marker and what it lost: outlast repair",
    )


def of_error(error: ProviderError) -> Trouble:
    """What an error of a provider means, and what to do about it."""
    for kind, name, remedy in _of_class:
        if isinstance(error, kind):
            return Trouble(name, str(error), remedy)
    if isinstance(error, Denied):
        return Trouble("denied", str(error), _rights.get(error.verb, _rights["put"]))
    if isinstance(error, NotFound):
        return Trouble("lost", str(error), damaged.remedy)
    return Trouble(str(error.cause), str(error), _of_cause.get(error.cause, _look))


def is_lasting(error: ProviderError) -> bool:
    """Whether somebody must do something about it: it does not pass by itself."""
    gone = isinstance(error, Unavailable) and error.cause is Cause.MISSING
    return isinstance(error, Denied | Full) or gone


_of_class: tuple[tuple[type[ProviderError], str, str], ...] = (
    (
        Expired,
        "expired",
        "renew the credential where the provider's URL says that it is found, then start what uses it anew",
    ),
    (
        Locked,
        "locked",
        "remove the bucket's object lock, retention or immutability policy; where that cannot be, move to a"
        " bucket without",
    ),
    (Full, "full", "make room there, or raise its quota"),
    (Estranged, "estranged", emptied.remedy),
)
_first = "see that its credential is the right one, neither expired nor revoked, and that it"
_rights = {
    "get": f"{_first} may read there (docs/reference/providers)",
    "head": f"{_first} may read there (docs/reference/providers)",
    "list": f"{_first} may list there (docs/reference/providers)",
    "put": f"{_first} may write there (docs/reference/providers)",
    "delete": f"{_first} may delete there; a lock or retention policy may forbid it, too"
    " (docs/reference/providers)",
}
_look = "see that it is there (mounted), and that the user who runs this may use it"
_of_cause = {
    Cause.MISSING: "mend its URL, or make the bucket again and give it its data back: outlast repair",
    Cause.REFUSED: "see that it runs, and that no firewall is between; the store goes on without it",
    Cause.DNS: "mend the host in its URL, or this computer's name resolution",
    Cause.TLS: "see who signed its certificate; for a cloud, name an authority of your own by ?ca_file=",
    Cause.TIMEOUT: "see whether it hangs or is cut off; the store goes on without it",
    Cause.RESET: "see what breaks the connections (a proxy, its own limits)",
    Cause.THROTTLED: "ask less of it, or have its limits raised",
    Cause.SERVER: "see its operator's status page; the store goes on without it",
    Cause.CORRUPT: damaged.remedy,
    Cause.UNSUPPORTED: "it cannot do that: give it a role that does without (?role=data)",
}
