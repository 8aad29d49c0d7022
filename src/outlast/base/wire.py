"""The base of every value that goes to a provider or into the log: a MessagePack array (msgspec).

A value with more fields than this version knows is refused: a gateway that dropped a field would disagree
from then on with those that know it. docs/internals/formats describes how formats evolve.
"""

from typing import dataclass_transform

import msgspec

from outlast.base.errors import ConfigError


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Struct(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """A plain immutable value on the wire. Fields are only ever added at the end, with a default."""


def not_known(what: str, error: msgspec.ValidationError) -> ConfigError:
    """The error for data that is authentic but cannot be read because a later version wrote it."""
    return ConfigError(
        f"the log holds {what} that this version of Outlast does not know ({error})",
        remedy="upgrade Outlast on this machine to the version that the other gateways run",
    )
