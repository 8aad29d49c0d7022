"""Records as bytes and back.

The log carries opaque bytes; this is the one place that knows what they are. What it cannot read it
does not skip: a gateway that left a record out would from then on disagree with the others, so a record
of a newer version stops the old gateway, with the remedy in the message.
"""

import msgspec

from outlast.base.errors import StoreCorrupt
from outlast.base.wire import not_known
from outlast.catalog.records import AnyRecord

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyRecord] = msgspec.msgpack.Decoder(AnyRecord)


def encode(record: AnyRecord) -> bytes:
    """The record as MessagePack: an array whose first element is the tag."""
    return _encoder.encode(record)


def decode(data: bytes) -> AnyRecord:
    """The record in `data`.

    Raises `ConfigError` where a newer version wrote something that this one does not know, and
    `StoreCorrupt` where it is no record at all.
    """
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise not_known("a record", error) from error
    except msgspec.DecodeError as error:
        raise StoreCorrupt(f"the log holds something that is no record: {error}") from error
