"""A folder of this machine for the local catalog, one for each process that has the store open.

Nothing in it is needed: a catalog can always be rebuilt from the providers. It is kept because
catching up from yesterday's catalog is quicker than reading the whole log.

The layout is `ROOT/STORE/KEY/N/catalog.sqlite`, with `KEY` the id of the key that the catalog was read with
and `N` the first number that no living process has locked. A process that finds only numbers without a
catalog copies a sibling's while the sibling keeps running: SQLite's online backup captures one moment of it,
and the log supplies the rest.

The key is in the path because a catalog is trusted as it is. A process with another store's key must find
none: starting from the log shows at its first slot that the key does not fit, while continuing from a
catalog would append what no other process can open.

The lock is an flock on `N/lock`: the kernel releases it however the process ends, so there are no stale locks
to break.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from outlast.base.errors import ConfigError, StoreError, reason
from outlast.catalog.database_file import beside, copy_database, remove_database

CATALOG_NAME = "catalog.sqlite"
# More processes than this with one store open on one machine are a mistake.
slots_max = 1000


def default_state_dir() -> Path:
    """Return the platform's place for state (`OUTLAST_STATE_DIR` overrides it)."""
    override = os.environ.get("OUTLAST_STATE_DIR", "")
    return Path(override) if override else Path(platformdirs.user_state_dir("outlast"))


@dataclass(slots=True)
class StateDir:
    """A claimed folder. `catalog` is where the local catalog is or will be."""

    path: Path
    _lock: int

    @property
    def catalog(self) -> Path:
        return self.path / CATALOG_NAME

    def discard_catalog(self) -> None:
        """Remove the catalog (damaged, or of another version)."""
        for path in (self.catalog, beside(self.catalog)):
            remove_database(path)

    def release(self) -> None:
        """Release the lock for the next process."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _home(root: Path, store: bytes, key: str) -> Path:
    return root / store.hex() / key


def catalogs(root: Path, store: bytes, key: str) -> list[Path]:
    """Return the local catalogs of all processes for `store` and a key's id."""
    return sorted(_home(root, store, key).glob(f"*/{CATALOG_NAME}"))


def claim_state_dir(root: Path, store: bytes, key: str) -> StateDir:
    """Lock the first free folder for `store` and a key's id, seeded from a sibling. Raises `ConfigError`."""
    home = _home(root, store, key)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        claimed = _first_free(home)
    except OSError as error:
        raise ConfigError(
            f"cannot keep local state in {home}: {reason(error)}",
            "name a writable folder, with --state-dir or OUTLAST_STATE_DIR",
        ) from error
    if not claimed.catalog.exists():
        _seed(claimed, home)
    return claimed


def _first_free(home: Path) -> StateDir:
    for number in range(slots_max):
        folder = home / str(number)
        folder.mkdir(exist_ok=True, mode=0o700)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return StateDir(folder, lock)
    raise ConfigError(
        f"too many processes on this machine have the store open (limit: {slots_max})", "end some of them"
    )


def _seed(claimed: StateDir, home: Path) -> None:
    """Copy the newest sibling's catalog. Best effort: without it the catalog is built from the log."""
    siblings = [path for path in home.glob(f"*/{CATALOG_NAME}") if path.parent != claimed.path]
    for sibling in sorted(siblings, key=_age, reverse=True):
        try:
            copy_database(sibling, claimed.catalog)
        except (StoreError, OSError):
            claimed.discard_catalog()
        else:
            return


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.parent.name
    except OSError:
        return 0.0, path.parent.name
