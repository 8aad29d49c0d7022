"""Servers of object storage on this computer, as processes of their own, for tests and measurements.

Real ones where they can be had (OpenStack Swift), emulators where not (moto, Azurite), and a WebDAV server.
Each module has `start(folder) -> Server`. What it needs is installed on first use below `build/servers`,
never into the project's own environment; `CannotHave` says why that did not work.
"""

from outlast.testing.servers.process import CannotHave, Server

__all__ = ["CannotHave", "Server"]
