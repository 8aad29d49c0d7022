"""Which bucket and key a request is about.

Path style has the bucket first in the path, virtual-host style in front of one of our domains in the
`Host` header. The path is taken from the request line as it was sent: a key is opaque, so `..`, `//`, and
`%2F` have no meaning here, and nothing may normalize them on the way.
"""

from collections.abc import Iterable

from outlast.gateway.s3.uri import decode_path, split_path

# Names below it resolve to this machine (RFC 6761), so virtual hosts work there without any setup.
_ALWAYS = ("localhost",)


class Hosts:
    """The domains under which buckets are host names."""

    def __init__(self, domains: Iterable[str] = ()) -> None:
        names = {name.lower().strip(".") for name in domains} | set(_ALWAYS)
        self._domains = frozenset(names)
        # The longest first: with `example.com` and `s3.example.com` the bucket is below the latter.
        self._suffixes = tuple(sorted(("." + name for name in names), key=lambda text: (-len(text), text)))

    def bucket(self, host: str) -> str:
        """Return the bucket that a `Host` header names; "" for path style."""
        name = host.partition(":")[0].lower().rstrip(".")
        if name in self._domains:
            return ""
        for suffix in self._suffixes:
            if name.endswith(suffix):
                return name[: -len(suffix)]
        return ""


def split_target(target: str) -> tuple[str, str]:
    """Split a request target into (raw path, raw query). The absolute form for proxies loses its host."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query


def locate(raw_path: str, host_bucket: str) -> tuple[str, str]:
    """Return (bucket, key), decoded; key "" for a bucket, both "" for the service. Raises `InvalidURI`."""
    if host_bucket:
        return host_bucket, decode_path(raw_path)[1:]
    return split_path(raw_path)
