"""Real servers as a store's providers, each at the end of a line that can be cut, and what befalls them."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from names import Names
from scene import BUCKET, CLOCK, Scene

from outlast.testing.certificates import Authority
from outlast.testing.installation import Installation
from outlast.testing.servers import CannotHave, Server, azurite, gcs, moto, swift, webdav
from outlast.testing.servers.line import Line


@dataclass(frozen=True)
class Kind:
    """One kind of server. `url` has gaps for HOST (with port) and CA (a file)."""

    start: Callable[[Path, int], Server]
    url: str
    make: Callable[[Server], None] = lambda server: None
    """Makes the bucket in a server that has none."""
    tls: bool = True
    keeps: bool = False
    """Whether what it holds outlives it."""


_amazon = "access_key_id_env=TEST_AMAZON_KEY&secret_access_key_env=TEST_AMAZON_KEY"
_swift = f"access_key_id_env={swift.key_id_variable}&secret_access_key_env={swift.secret_variable}"
_ca = "&ca_file={ca}"
KINDS = {
    "moto": Kind(
        moto.start,
        f"s3://bucket/store?endpoint=https://{{host}}&{_amazon}{_ca}",
        lambda server: moto.make_bucket(server, "bucket"),
    ),
    "azurite": Kind(
        azurite.start,
        f"azure://container/store?account={azurite.account}&endpoint=https://{{host}}/{azurite.account}"
        f"&account_key_env={azurite.key_variable}{_ca}",
        lambda server: azurite.make_container(server, "container"),
    ),
    "gcs": Kind(
        gcs.start,
        f"gs://bucket/store?endpoint=https://{{host}}&service_account_key_env={gcs.key_variable}"
        f"&name_interval_s=1{_ca}",
    ),
    "swift": Kind(
        swift.start,
        f"s3://bucket/store?endpoint=https://{{host}}&{_swift}{_ca}",
        lambda server: swift.make_bucket(server, "bucket"),
        keeps=True,
    ),
    "webdav": Kind(
        webdav.start,
        f"webdav+http://{{host}}/store?user={webdav.user}&password_env={webdav.password_variable}",
        tls=False,
        keeps=True,
    ),
}


class Place:
    """One server and its line. Commands reach it as `NAME.clouds.test`, or by address without `names`."""

    def __init__(self, kind: str, role: str, folder: Path, authority: Authority, names: Names | None) -> None:
        self.kind = KINDS[kind]
        self.names = names
        self.host = host_of(kind) if names else "127.0.0.1"
        self.role = role
        self.folder = folder
        folder.mkdir()
        self._certificates = {"good": authority.issue(self.host), "bad": Authority(CLOCK).issue(self.host)}
        for name, pem in self._certificates.items():
            (folder / name).write_bytes(pem)
        (folder / "authority").write_bytes(authority.pem)
        self.server = self.kind.start(folder, 0)
        self._port = int(self.server.url.split("/")[2].rpartition(":")[2])
        try:
            self.kind.make(self.server)
            self.line = Line(self._port, folder / "good" if self.kind.tls else None)
        except BaseException:
            self.server.stop()
            raise

    @property
    def url(self) -> str:
        """As `outlast init` is told."""
        return (
            self.kind.url.format(host=f"{self.host}:{self.line.port}", ca=self.folder / "authority")
            + f"&role={self.role}"
        )

    def stop(self) -> None:
        self.line.stop()
        self.server.stop()

    def begin(self, shape: str) -> None:
        """Let it fail in that shape."""
        if shape == "killed":
            self.server.kill()
        elif shape == "hung":
            self.server.freeze()
        elif shape in ("blackhole", "reset"):
            self.line.set_mode("blackhole" if shape == "blackhole" else "reset")
        elif shape == "nameless":
            assert self.names is not None
            self.names.forget(self.host)
            self.line.drop()  # who is connected needs no name
        else:
            assert shape == "untrusted"
            self.line.set_certificate(self.folder / "bad")

    def end(self, shape: str) -> None:
        """It is over. What was killed is started again, with what it kept."""
        if shape == "killed":
            self.server = self.kind.start(self.folder, self._port)
            if not self.kind.keeps:
                self.kind.make(self.server)
        elif shape == "hung":
            self.server.thaw()
        elif shape in ("blackhole", "reset"):
            self.line.set_mode("pass")
        elif shape == "nameless":
            assert self.names is not None
            self.names.remember(self.host)
        else:
            self.line.set_certificate(self.folder / "good")


def host_of(kind: str) -> str:
    return f"{kind}.clouds.test"


@dataclass
class CloudScene(Scene):
    """A store over places, with an access key and a bucket."""

    places: dict[str, Place] = field(default_factory=dict)
    # Beside busy servers a gateway may notice later.
    noticed_s_max = 60.0

    async def begin(self, name: str, shape: str) -> None:
        await asyncio.to_thread(self.places[name].begin, shape)

    async def end(self, name: str, shape: str) -> bool:
        """Whether it came back empty."""
        place = self.places[name]
        await asyncio.to_thread(place.end, shape)
        return shape == "killed" and not place.kind.keeps


def named(folder: Path, kinds: Sequence[str]) -> Names | None:
    """Names for such servers; None, and a line that says so, where they cannot be had."""
    names = Names(folder, [host_of(kind) for kind in kinds])
    why_not = names.why_not()
    if not why_not:
        return names
    if os.environ.get("CI") == "true":
        pytest.fail(f"no host names of one's own: {why_not}")
    print(f"*** SKIPPED: names that cannot be resolved: {why_not}")
    return None


def build(
    folder: Path,
    stack: AsyncExitStack,
    roles: Mapping[str, str],
    domains: Mapping[str, str] | None = None,
) -> CloudScene:
    """A store over servers of these kinds in these roles, and `disk` in the role of that name.

    With `domains` (`operator=Amazon&region=...`) the servers pass for others, and have no names.
    What cannot be had skips the test, and fails it when CI=true.
    """
    folder.mkdir()
    authority = Authority(CLOCK)
    names = named(folder, [kind for kind in roles if kind != "disk"]) if domains is None else None
    places: dict[str, Place] = {}
    try:
        for kind, role in roles.items():
            if kind != "disk":
                places[kind] = Place(kind, role, folder / f"at-{kind}", authority, names)
                stack.callback(places[kind].stop)
    except CannotHave as reason:
        if os.environ.get("CI") == "true":
            raise
        # An emulator comes from its registry (npm, PyPI), which a machine without network cannot reach.
        pytest.skip(f"*** SKIPPED: {reason}")
    secrets = {"TEST_AMAZON_KEY": "anybody"}
    for place in places.values():
        secrets |= place.server.secrets
    installation = Installation(folder / "home", secrets, names.through if names else ())
    urls = {kind: place.url for kind, place in places.items()}
    for kind, told in (domains or {}).items():
        urls[kind] += f"&{told}"
    if "disk" in roles:
        urls["disk"] = f"file://{folder / 'disk'}?role={roles['disk']}"
    made = installation.init(urls)
    print({one["name"]: (one["votes"], one["holds_data"]) for one in made["providers"]}, made["layout"])
    key = installation.run("key", "create", "test")
    installation.run("bucket", "create", BUCKET)
    return CloudScene(installation, key["access_key_id"], key["secret_access_key"], stack, places=places)
