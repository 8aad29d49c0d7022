"""Records as bytes and back.

The log carries opaque bytes; only this module knows what they are. It does not skip what it cannot read: a
gateway that skipped a record would disagree with the others from then on. So a record of a newer version
stops the old gateway, with a message that names the remedy.
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

    Raises `ConfigError` if a newer version wrote something that this one does not know, and `StoreCorrupt` if
    it is not a record at all.
    """
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise not_known("a record", error) from error
    except msgspec.DecodeError as error:
        raise StoreCorrupt(f"the log holds something that is not a record: {error}") from error
