"""What a name is, the same for every provider.

Names are kept inside the narrowest rules of all providers: letters, digits, `-`, `_`, `.` and, between
parts, `/`. No part is empty or begins with `.`, which also keeps `..` out and leaves dotted names to a
provider's own bookkeeping. A bad name is a bug of ours, never of a client: client keys do not appear in
provider names.
"""

import re

from outlast.base import limits

# A part is a file's name on a disk, where 255 bytes are the common maximum.
part_bytes_max = 200

_part = rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{part_bytes_max - 1}}}"
_name = re.compile(rf"{_part}(?:/{_part})*", re.ASCII)
_prefix = re.compile(rf"(?:{_part}/)*(?:{_part})?", re.ASCII)


def check_key(key: str) -> None:
    """Raise ValueError if `key` is not a name that every provider takes."""
    if len(key) > limits.provider_key_bytes_max or _name.fullmatch(key) is None:
        raise ValueError(f"not a provider object name: {key!r}")


def check_prefix(prefix: str) -> None:
    """Raise ValueError if no name could begin with `prefix`."""
    if len(prefix) > limits.provider_key_bytes_max or _prefix.fullmatch(prefix) is None:
        raise ValueError(f"not the beginning of a provider object name: {prefix!r}")


def check_span(span: tuple[int, int]) -> None:
    """Raise ValueError if `span` is not [start, stop) with 0 <= start <= stop."""
    if not 0 <= span[0] <= span[1]:
        raise ValueError(f"not a span: {span!r}")
