"""S3 access keys: kept in the catalog, their secrets sealed, opened here.

A key that the local catalog knows is used as it is: a request's signature must not cost a round trip to the
providers. So a key that was deleted through another gateway works here until this one has caught up, which
any of its reads or writes makes it do.
"""

from base64 import b64encode
from dataclasses import dataclass

from outlast.base.clock import Clock, unix_ms
from outlast.base.entropy import Entropy
from outlast.catalog.catalog import Catalog
from outlast.catalog.records import AccessKeyCreated, AccessKeyDeleted
from outlast.coding.keys import Keyring
from outlast.coding.seal import Box

# As S3's look: 20 capitals and digits, and 40 characters of base64 (240 bits).
_id_alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_id_prefix = "OUTL"
_id_random = 16
_secret_bytes = 30
# Opened secrets that are kept at hand. A store has a handful of keys.
opened_max = 1000


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key with its secret. `bucket` "" is all buckets."""

    name: str
    id: str
    secret: str
    bucket: str
    read_only: bool

    def __repr__(self) -> str:
        return f"<AccessKey {self.name} {self.id}>"


class Access:
    """The access keys of the store."""

    def __init__(self, catalog: Catalog, keyring: Keyring, clock: Clock, entropy: Entropy) -> None:
        self._catalog = catalog
        self._box = Box(keyring.secrets, entropy)
        self._clock = clock
        self._entropy = entropy
        self._opened: dict[bytes, AccessKey] = {}

    async def create(self, name: str, bucket: str, read_only: bool) -> AccessKey:
        """A new access key. Raises `AccessKeyExists`."""
        id = _id_prefix + bytes(_id_alphabet[byte & 31] for byte in self._entropy.bytes(_id_random)).decode()
        secret = b64encode(self._entropy.bytes(_secret_bytes)).decode()
        sealed = self._box.seal(secret.encode(), _purpose(id))
        await self._catalog.commit(
            AccessKeyCreated(name, id, sealed, bucket, read_only, unix_ms(self._clock))
        )
        return AccessKey(name, id, secret, bucket, read_only)

    async def all(self) -> list[AccessKeyCreated]:
        """The access keys by name, secrets sealed."""
        await self._catalog.sync()
        return self._catalog.state.access_keys()

    async def delete(self, name: str) -> None:
        """Raises `NoSuchAccessKey`."""
        await self._catalog.commit(AccessKeyDeleted(name))

    async def find(self, id: str) -> AccessKey | None:
        """The access key with that id. Waits only when the local catalog does not know it."""
        row = self._catalog.state.access_key(id)
        if row is None:
            await self._catalog.sync()
            row = self._catalog.state.access_key(id)
            if row is None:
                return None
        opened = self._opened.get(row.secret)
        return self._open(row) if opened is None else opened

    def _open(self, row: AccessKeyCreated) -> AccessKey:
        secret = self._box.open(row.secret, _purpose(row.id)).decode()
        key = AccessKey(row.name, row.id, secret, row.bucket, row.read_only)
        if len(self._opened) >= opened_max:
            self._opened.clear()
        self._opened[row.secret] = key
        return key


def _purpose(id: str) -> bytes:
    return b"outlast/1/access-key" + id.encode()
