"""Seals (authenticated encryption): without the key, the content cannot be read, nor altered, swapped, or
forged unnoticed.

Two kinds, for two situations:

- `Box` seals short messages (log slots, data keys, secrets) under one long-lived key that many gateways use
  at once, without coordination, for years. It is XAES-256-GCM (C2SP): AES-256-GCM under a key derived for
  each message from a random 24-byte nonce. Plain AES-256-GCM has room for only 12 random bytes, and its
  standard sets the limit at 2^32 messages; a busy log gets there in two years.
- `StripeSeal` seals the stripes of one extent under that extent's own random key. It is plain AES-256-GCM
  with the stripe's number as the nonce: each number is sealed once under that key, so no nonce is stored and
  nothing can collide.

Both bind associated data: the purpose of the sealed bytes. Bytes moved elsewhere do not open there.

The data key of an extent is itself stored in a `Box` message that binds the extent's id, size, and layout
(`wrap_key`), so that none of these can be altered without the others.

Specifications: https://c2sp.org/XAES-256-GCM, NIST SP 800-38D. docs/internals/formats/seal.md specifies the
bytes.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outlast.base.entropy import Entropy
from outlast.base.errors import Tampered

KEY_BYTES = 32
TAG_BYTES = 16
NONCE_BYTES = 24
FORMAT = b"\x01"
"""The first byte of a `Box` message."""
BOX_OVERHEAD_BYTES = len(FORMAT) + NONCE_BYTES + TAG_BYTES


class Box:
    """Seals and opens messages under one key. Safe to share between threads."""

    def __init__(self, key: bytes, entropy: Entropy) -> None:
        """`key`: `KEY_BYTES` bytes, used for nothing else."""
        assert len(key) == KEY_BYTES
        self._derive = Cipher(algorithms.AES(key), modes.ECB())  # two single blocks; see `_message_key`
        self._subkey = _doubled(self._derive.encryptor().update(bytes(16)))
        self._entropy = entropy

    def seal(self, plaintext: bytes | memoryview, aad: bytes) -> bytes:
        """`plaintext` sealed for the purpose named by `aad`; `BOX_OVERHEAD_BYTES` longer."""
        nonce = self._entropy.bytes(NONCE_BYTES)
        return FORMAT + nonce + self._message_key(nonce).encrypt(nonce[12:], plaintext, aad)

    def open(self, sealed: bytes | memoryview, aad: bytes) -> bytes:
        """The plaintext. Raises `Tampered`: altered, truncated, another key, or another purpose."""
        view = memoryview(sealed)
        if len(view) < BOX_OVERHEAD_BYTES:
            raise Tampered("a sealed message is cut short")
        if view[:1] != FORMAT:
            raise Tampered("a sealed message has an unknown format: it is damaged or from a newer version")
        nonce = bytes(view[1 : 1 + NONCE_BYTES])
        try:
            return self._message_key(nonce).decrypt(nonce[12:], view[1 + NONCE_BYTES :], aad)
        except InvalidTag:
            raise Tampered("a seal does not verify: altered, misplaced, or sealed with another key") from None

    def _message_key(self, nonce: bytes) -> AESGCM:
        """NIST SP 800-108 key derivation with CMAC in counter mode, cut down to its two AES blocks."""
        blocks = b"\x00\x01X\x00" + nonce[:12] + b"\x00\x02X\x00" + nonce[:12]
        return AESGCM(self._derive.encryptor().update(_xor(blocks, self._subkey * 2)))


class StripeSeal:
    """Seals and opens the stripes of one extent. Safe to share between threads."""

    def __init__(self, data_key: bytes, store: bytes, extent: bytes) -> None:
        """`data_key`: `KEY_BYTES` random bytes for this extent alone; `store`, `extent`: 16-byte ids."""
        assert len(data_key) == KEY_BYTES and len(store) == len(extent) == 16
        self._cipher = AESGCM(data_key)
        self._aad = b"outlast/1/stripe" + store + extent

    def seal(self, number: int, plaintext: bytes | bytearray | memoryview) -> bytes:
        """Stripe `number` sealed; `TAG_BYTES` longer. Never seal two plaintexts under one number."""
        return self._cipher.encrypt(
            number.to_bytes(12, "big"), plaintext, self._aad + number.to_bytes(4, "big")
        )

    def open(self, number: int, sealed: bytes | bytearray | memoryview) -> bytes:
        """The plaintext of stripe `number`. Raises `Tampered`."""
        nonce = number.to_bytes(12, "big")
        try:
            return self._cipher.decrypt(nonce, sealed, self._aad + number.to_bytes(4, "big"))
        except InvalidTag:
            raise Tampered(f"the seal of stripe {number} does not verify") from None


def wrap_key(box: Box, data_key: bytes, extent: bytes, size: int, k: int, m: int) -> bytes:
    """An extent's data key as the catalog stores it, bound to the extent's id, size, and layout."""
    return box.seal(data_key, _key_purpose(extent, size, k, m))


def unwrap_key(box: Box, wrapped: bytes, extent: bytes, size: int, k: int, m: int) -> bytes:
    """The data key. Raises `Tampered` if the key or any of the other values differs from what was wrapped."""
    return box.open(wrapped, _key_purpose(extent, size, k, m))


def _key_purpose(extent: bytes, size: int, k: int, m: int) -> bytes:
    return b"outlast/1/extent-key" + extent + size.to_bytes(8, "big") + bytes((k, m))


def _doubled(block: bytes) -> bytes:
    """Multiplication by x in GF(2^128), as CMAC derives its first subkey."""
    value = int.from_bytes(block, "big") << 1
    if value >> 128:
        value ^= (1 << 128) | 0x87
    return value.to_bytes(16, "big")


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
