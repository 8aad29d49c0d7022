"""S3 access keys: stored in the catalog with sealed secrets, opened here.

A key that is in the local catalog is used at once: verifying a signature costs no round trip to the
providers. Whether the key still exists is a second question (`exists`), which is checked only after the
signature has been verified, so only holders of a key can make a gateway send requests to its providers.

A key that is not in the local catalog may have been created a moment ago through another gateway. Checking
costs a quorum read, so two things bound it. An id ends in a code that only the store's own keys can
compute: an invented id is refused at once. Ids that the store did issue share a burst of
`questions_max` quorum reads and then one per `question_s`: a deleted key costs no more than that, and a new
one works everywhere after that time.
"""

import asyncio
import hmac
from base64 import b64encode
from dataclasses import dataclass

from outlast.base.clock import Clock, unix_ms
from outlast.base.entropy import Entropy
from outlast.base.errors import StoreUnavailable
from outlast.catalog.catalog import Catalog
from outlast.catalog.records import AccessKeyCreated, AccessKeyDeleted
from outlast.coding.keys import Keyring
from outlast.coding.seal import Box

# The same form as S3's: 20 capitals and digits, and 40 characters of base64 (240 bits).
_id_alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_id_prefix = "OUTL"
_id_random = 10
_id_code = 6  # 30 bits: one in a billion invented ids costs a quorum read
_secret_bytes = 30
# Opened secrets that are cached. A store has a handful of keys.
opened_max = 1000
# Quorum reads for ids that are not in the local catalog: this burst, then one per this interval.
questions_max = 8
question_s = 5.0
# A key that was deleted through another gateway can no longer write here after this time.
deleted_s_max = 10.0


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key with its secret. `bucket` "" means all buckets."""

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
        self._id_key = keyring.access_key_ids
        self._question = asyncio.Lock()
        self._questions: float = questions_max
        """How many quorum reads were allowed at `_counted_at` (monotonic s)."""
        self._counted_at = clock.monotonic()
        self._asked_at = float("-inf")
        self._unanswered: StoreUnavailable | None = None

    async def create(self, name: str, bucket: str, read_only: bool) -> AccessKey:
        """Create an access key. Raises `AccessKeyExists`."""
        chosen = _id_prefix + _letters(self._entropy.bytes(_id_random))
        id = chosen + self._code(chosen)
        secret = b64encode(self._entropy.bytes(_secret_bytes)).decode()
        sealed = self._box.seal(secret.encode(), _purpose(id))
        await self._catalog.commit(
            AccessKeyCreated(name, id, sealed, bucket, read_only, unix_ms(self._clock))
        )
        return AccessKey(name, id, secret, bucket, read_only)

    async def all(self) -> list[AccessKeyCreated]:
        """Return the access keys by name, secrets sealed."""
        await self._catalog.sync()
        return self._catalog.state.access_keys()

    async def delete(self, name: str) -> None:
        """Raises `NoSuchAccessKey`."""
        await self._catalog.commit(AccessKeyDeleted(name))

    async def find(self, id: str) -> AccessKey | None:
        """Return the access key with that id. Waits only for one issued by this store and not known here.

        Raises `StoreUnavailable` if it cannot be determined whether such a key exists.
        """
        if not id.isascii():
            return None
        row = self._catalog.state.access_key(id)
        if row is None and self._is_issued(id):
            row = await self._ask(id)
        if row is None:
            return None
        opened = self._opened.get(row.secret)
        return self._open(row) if opened is None else opened

    def is_known(self, id: str) -> bool:
        """Whether the local catalog has the access key."""
        return self._catalog.state.access_key(id) is not None

    async def exists(self, id: str) -> bool:
        """Whether the access key existed `deleted_s_max` ago or later. Raises `StoreUnavailable`."""
        await self._catalog.sync_if_older(max(deleted_s_max, self._catalog.staleness_s_max))
        return self.is_known(id)

    def _code(self, chosen: str) -> str:
        return _letters(hmac.digest(self._id_key, chosen.encode(), "sha256")[:_id_code])

    def _is_issued(self, id: str) -> bool:
        """Whether this store made the id, for a key that exists or was deleted."""
        return hmac.compare_digest(self._code(id[:-_id_code]), id[-_id_code:])

    async def _ask(self, id: str) -> AccessKeyCreated | None:
        """Look again after a quorum read, if one is allowed now; all unknown ids share one at a time."""
        came_at = self._clock.monotonic()
        async with self._question:
            row = self._catalog.state.access_key(id)
            if row is None and self._asked_at < came_at and self._may_ask():
                self._asked_at, self._unanswered = self._clock.monotonic(), None
                try:
                    await self._catalog.sync()
                except StoreUnavailable as error:
                    self._unanswered = error
                row = self._catalog.state.access_key(id)
            if row is None and self._unanswered is not None:
                raise StoreUnavailable(str(self._unanswered)) from self._unanswered
        return row

    def _may_ask(self) -> bool:
        """Take one of the quorum reads that are allowed now, if there is one."""
        now = self._clock.monotonic()
        earned = (now - self._counted_at) / question_s
        self._questions, self._counted_at = min(questions_max, self._questions + earned), now
        if self._questions < 1:
            return False
        self._questions -= 1
        return True

    def _open(self, row: AccessKeyCreated) -> AccessKey:
        secret = self._box.open(row.secret, _purpose(row.id)).decode()
        key = AccessKey(row.name, row.id, secret, row.bucket, row.read_only)
        if len(self._opened) >= opened_max:
            self._opened.clear()
        self._opened[row.secret] = key
        return key


def _letters(random: bytes) -> str:
    """One letter for each byte, from 5 bits of it."""
    return bytes(_id_alphabet[byte & 31] for byte in random).decode()


def _purpose(id: str) -> bytes:
    return b"outlast/1/access-key" + id.encode()
