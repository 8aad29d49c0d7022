"""The base of every value that goes to a provider or into the log: a MessagePack array (msgspec)."""

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Struct(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A plain immutable value on the wire. Fields are only ever added at the end, with a default."""
