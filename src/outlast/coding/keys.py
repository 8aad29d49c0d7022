"""The master key and the keys that are derived from it.

One secret of 32 bytes opens a store. It is never used directly: HKDF-SHA256 derives from it, for each store
and purpose, a key that reveals nothing about the others. Anyone who has the master key can read and change
everything; without it everything is noise, to the providers and to us.

`MasterKey.id` identifies a key without revealing it. It is stored in plaintext (in `outlast.toml` and in the
key file), so that the key of another store is recognized before it is used.

Files and the recovery sheet are text, made and read by `key_text`.
"""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError, reason
from outlast.coding import key_text
from outlast.coding.seal import KEY_BYTES

_ID_BYTES = 8


class MasterKey:
    """The one secret of a store. Never shown by `repr`."""

    def __init__(self, secret: bytes) -> None:
        assert len(secret) == KEY_BYTES
        self._secret = secret
        self.id = self.derive("id", b"", _ID_BYTES).hex()

    @classmethod
    def create(cls, entropy: Entropy) -> "MasterKey":
        """A new key. `entropy` must be the operating system's outside of tests."""
        return cls(entropy.bytes(KEY_BYTES))

    @classmethod
    def load(cls, path: Path, passphrase: str = "") -> "MasterKey":
        """The key in the file. Raises `ConfigError`: missing, readable by others, damaged, or locked."""
        text = _read_private(path)
        key = cls(key_text.parse(text, passphrase, str(path)))
        if (stated := key_text.stated_id(text)) != key.id:
            raise ConfigError(
                f"{path}: the key has the id {key.id}, but the file says {stated}",
                "the file was damaged or edited: restore it from a copy or from the recovery sheet",
            )
        return key

    @classmethod
    def from_sheet(cls, text: str) -> "MasterKey":
        """The key from a recovery sheet. Raises `ConfigError`, which names the line that has an error."""
        return cls(key_text.parse_sheet(text))

    def save(self, path: Path) -> None:
        """Write the key file, readable by its owner only. Raises `ConfigError` if the file already exists."""
        _write_private(path, key_text.plain(self._secret, self.id))

    def save_locked(self, path: Path, passphrase: str, entropy: Entropy) -> None:
        """Write the key file so that it opens only with the passphrase. Raises like `save`."""
        _write_private(path, key_text.locked(self._secret, self.id, passphrase, entropy))

    def sheet(self) -> str:
        """The recovery sheet, to be printed or written down by hand."""
        return key_text.sheet(self._secret, self.id)

    def derive(self, purpose: str, store: bytes, size: int = KEY_BYTES) -> bytes:
        """A key of `size` bytes for one purpose in one store (its id; b"" for none)."""
        info = f"outlast/1/{purpose}".encode()
        return HKDF(algorithm=SHA256(), length=size, salt=store, info=info).derive(self._secret)

    def __repr__(self) -> str:
        return f"<MasterKey {self.id}>"


def is_locked(path: Path) -> bool:
    """Whether the key file needs a passphrase. Raises `ConfigError` like `MasterKey.load`."""
    return key_text.is_locked(_read_private(path))


class Keyring:
    """The keys of one store, one for each purpose, `KEY_BYTES` bytes each.

    log: seals the values in the log's slots. extents: wraps the data keys of extents. secrets: seals the
    secret access keys in the catalog. access_key_ids: marks the ids of access keys as this store's.
    """

    def __init__(self, master: MasterKey, store: bytes) -> None:
        """`store`: the store's 16-byte id."""
        assert len(store) == 16
        self.log = master.derive("log", store)
        self.extents = master.derive("extents", store)
        self.secrets = master.derive("secrets", store)
        self.access_key_ids = master.derive("access-key-ids", store)


def _read_private(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(64 * 1024)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: the key file is missing", "copy it here, or restore it from the recovery sheet"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the key file cannot be read: {reason(error)}") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise ConfigError(
            f"{path}: other users can read the key file (mode {stat.S_IMODE(mode):o})", f"chmod 600 {path}"
        )
    return text


def _write_private(path: Path, text: str) -> None:
    """Create the file with its mode from the start, and make it durable."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"{path}: the file already exists", "a key file is never overwritten: choose another name"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: the key file cannot be written: {reason(error)}") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # other systems cannot open a folder to sync it
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
