"""Object storage servers on this computer, as processes, for tests and measurements.

Real ones where possible (`swift`, `webdav`), emulators elsewhere (`moto`, `azurite`, `gcs`). `process` runs
them, `line` is the network to them, and `refusing_proxy` an administrator who revokes rights.
Each module has `start(folder) -> Server`. What it needs is installed on first use below `build/servers`,
never into the project's own environment; `CannotHave` gives the reason if that failed.
"""

from outlast.testing.servers.process import CannotHave, Server

__all__ = ["CannotHave", "Server"]
