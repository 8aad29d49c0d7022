"""Mistakes and misfortunes at real servers: each is found, and named with its remedy, everywhere.

A store over three directories that vote and one bucket that holds data; what happens to the bucket costs
the store nothing. Everywhere is `outlast status`, `outlast doctor`, `outlast provider probe`, and what the
running gateway says on standard error.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from outlast.base.clock import SystemClock
from outlast.providers.registry import open_provider
from outlast.testing.installation import GatewayProcess, Installation
from outlast.testing.s3_client import S3Client
from outlast.testing.servers import Server, azurite, moto
from outlast.testing.servers.refusing_proxy import Refusal, RefusingProxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("moto")]

large = hashlib.shake_128(b"large").digest(300_000)
tell_s_max = 20.0
amazon_about_locks = "Content-MD5 is required for Put Object requests with Object Lock parameters"


@dataclass
class Shop:
    """The store, its gateway, and the bucket's server behind a proxy."""

    installation: Installation
    gateway: GatewayProcess
    client: S3Client
    proxy: RefusingProxy
    bucket: str
    heard: int = 0

    async def put(self, key: str) -> None:
        async with self.client as client:
            assert (await client.put("bucket", key, large)).status == 200

    async def logged(self, event: str, kind: str) -> dict[str, Any]:
        """The line of the gateway's log that tells of it, when it comes. Meanwhile the store is used."""
        for moment in range(int(tell_s_max / 0.1)):
            for line in self.gateway.said()[self.heard :].splitlines():
                told = json.loads(line) if line.startswith("{") else {}
                if (told.get("event"), told.get("kind")) == (event, kind):
                    assert told["provider"] == "cloud"
                    return told
            if moment % 10 == 9:
                await self.put("meanwhile")
            await asyncio.sleep(0.1)
        raise AssertionError(f"the gateway does not say {event!r}, {kind}: {self.gateway.said()}")


def told(installation: Installation, *arguments: str) -> Any:
    """A command's JSON, also if it ends with 1, or 3: it has found something."""
    command = [sys.executable, "-m", "outlast", *arguments, "--json"]
    done = subprocess.run(command, env=installation.environment("cli"), capture_output=True, check=False)
    assert done.returncode in (0, 1, 3) and done.stdout, done.stderr
    return json.loads(done.stdout)


def in_status(installation: Installation) -> dict[str, str]:
    """Kinds of trouble and their remedies."""
    (cloud,) = (one for one in told(installation, "status")["providers"] if one["name"] == "cloud")
    return {trouble["kind"]: trouble["remedy"] for trouble in cloud["troubles"]}


def in_probe(installation: Installation) -> dict[str, str]:
    (cloud,) = told(installation, "provider", "probe", "cloud")
    return {trouble["kind"]: trouble["remedy"] for trouble in cloud["troubles"]}


def in_doctor(installation: Installation) -> str:
    """The remedy for the provider; "" if it is well."""
    (cloud,) = (one for one in told(installation, "doctor") if one["check"] == "provider cloud")
    return str(cloud["remedy"])


def assert_named_everywhere(installation: Installation, kind: str, remedy: str) -> None:
    assert remedy in in_status(installation).get(kind, ""), f"status: {in_status(installation)}"
    assert remedy in in_probe(installation).get(kind, ""), f"probe: {in_probe(installation)}"
    assert remedy in in_doctor(installation), f"doctor: {in_doctor(installation)}"


def assert_well(installation: Installation) -> None:
    assert (in_status(installation), in_probe(installation), in_doctor(installation)) == ({}, {}, "")


def make(folder: Path, url: str) -> Installation:
    installation = Installation(folder)
    folder.mkdir()
    named = [f"--provider={name}=file://{folder / name}" for name in ("a", "b", "c")]
    installation.run("init", *named, f"--provider=cloud={url}")
    return installation


def url_at(endpoint: str, bucket: str, prefix: str) -> str:
    keys = "access_key_id_env=OUTLAST_TEST_KEY&secret_access_key_env=OUTLAST_TEST_KEY"
    return f"s3://{bucket}/{prefix}?endpoint={endpoint}&{keys}&role=data"


@pytest.fixture(scope="module")
def credential() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OUTLAST_TEST_KEY", "anybody")
        yield


@pytest.fixture(scope="module")
def whole(moto_server: Server, credential: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One store for all tests, which leave it as they found it: making one is slow."""
    bucket = f"own-{os.getpid()}"
    moto.make_bucket(moto_server, bucket)
    with RefusingProxy(moto_server.url) as proxy:
        installation = make(tmp_path_factory.mktemp("whole") / "shop", url_at(proxy.url, bucket, "place"))
        installation.run("bucket", "create", "bucket")
        key = installation.run("key", "create", "me")
        with installation.serve() as gateway:
            client = S3Client(gateway.host, gateway.port, key["access_key_id"], key["secret_access_key"])
            yield Shop(installation, gateway, client, proxy, bucket)


@pytest.fixture
async def shop(whole: Shop) -> AsyncIterator[Shop]:
    """The store when nothing is refused. What its gateway has said so far is not looked at again."""
    await whole.put("before")
    whole.heard = len(whole.gateway.said())
    yield whole
    whole.proxy.refusals = {}
    for _ in range(int(tell_s_max)):
        if in_status(whole.installation).keys() <= {"versioned"}:
            return
        await asyncio.sleep(1)


# ---------------------------------------------------------------- rights and credentials


async def test_rights_to_write_that_are_revoked_in_mid_run(shop: Shop) -> None:
    shop.proxy.refusals = {"PUT": Refusal(403, "AccessDenied")}
    await shop.put("meanwhile")
    line = await shop.logged("provider in trouble", "denied")
    assert "403 AccessDenied" in line["what"] and "may write" in line["remedy"]
    assert_named_everywhere(shop.installation, "denied", "may write")
    shop.proxy.refusals = {}
    await shop.put("after")
    await shop.logged("trouble is over", "denied")
    assert in_status(shop.installation) == {}


async def test_rights_to_delete_that_are_revoked(shop: Shop) -> None:
    shop.proxy.refusals = {"DELETE": Refusal(403, "AccessDenied")}
    assert_named_everywhere(shop.installation, "denied", "may delete")


async def test_a_credential_that_expires_in_mid_run(shop: Shop) -> None:
    """Nobody writes: it is found out by the marker that the gateway reads every few seconds."""
    shop.proxy.refusals = dict.fromkeys(("GET", "PUT", "HEAD", "DELETE"), Refusal(400, "ExpiredToken"))
    line = await shop.logged("provider in trouble", "expired")
    assert "renew the credential" in line["remedy"]
    await shop.put("meanwhile")
    assert_named_everywhere(shop.installation, "expired", "renew the credential")


# ---------------------------------------------------------------- places


async def delete_all(url: str) -> None:
    provider = open_provider("cloud", url, SystemClock())
    for key in [entry.key async for entry in provider.list("")]:
        await provider.delete(key)
    await provider.close()


async def test_an_emptied_bucket(shop: Shop) -> None:
    await delete_all(url_at(shop.proxy.url, shop.bucket, "place"))
    line = await shop.logged("provider in trouble", "emptied")
    assert "outlast repair" in line["remedy"]
    assert_named_everywhere(shop.installation, "emptied", "outlast repair")
    assert told(shop.installation, "repair")["reattached"] == ["cloud"]
    await shop.logged("trouble is over", "emptied")
    assert_well(shop.installation)


async def test_a_bucket_that_is_not_there_any_more(shop: Shop) -> None:
    shop.proxy.refusals = dict.fromkeys(("GET", "PUT", "HEAD", "DELETE"), Refusal(404, "NoSuchBucket"))
    await shop.logged("provider in trouble", "missing")
    assert_named_everywhere(shop.installation, "missing", "make the bucket again")


async def test_another_stores_prefix_by_mistake(shop: Shop, tmp_path: Path) -> None:
    """The other store is not harmed: not by looking, not by serving, not by repairing."""
    theirs = url_at(shop.proxy.url, shop.bucket, "theirs")
    make(tmp_path / "other", theirs)
    before = await objects(theirs)
    config = shop.installation.config
    config.write_text(config.read_text().replace("/place?", "/theirs?"))
    assert_named_everywhere(shop.installation, "other-store", "correct its URL")
    with shop.installation.serve("second") as gateway:
        second = Shop(shop.installation, gateway, shop.client, shop.proxy, shop.bucket)
        assert (
            "Nothing there was touched"
            in (await second.logged("provider in trouble", "other-store"))["remedy"]
        )
    told(shop.installation, "repair")
    assert await objects(theirs) == before
    config.write_text(config.read_text().replace("/theirs?", "/place?"))


async def objects(url: str) -> dict[str, bytes]:
    provider = open_provider("cloud", url, SystemClock())
    found = {entry.key: await provider.get(entry.key) async for entry in provider.list("")}
    await provider.close()
    return found


# ---------------------------------------------------------------- buckets that keep everything


async def test_a_bucket_with_object_lock(moto_server: Server, credential: None, tmp_path: Path) -> None:
    """It is named before a store is made there; one that can be locked is versioned already."""
    moto.make_bucket(moto_server, "lockable", lockable=True)
    installation = Installation(tmp_path)
    probe = ("provider", "probe", "--url", url_at(moto_server.url, "lockable", "place"))
    (found,) = told(installation, *probe)
    assert [trouble["kind"] for trouble in found["troubles"]] == ["versioned"]
    moto.make_bucket(moto_server, "locked", lockable=True)
    moto.lock_new_objects(moto_server, "locked")
    (found,) = told(installation, *probe[:-1], url_at(moto_server.url, "locked", "place"))
    assert found["troubles"][0]["kind"] == "locked"
    assert "object lock" in found["troubles"][0]["remedy"]


async def test_object_lock_that_is_switched_on_in_mid_run(shop: Shop) -> None:
    """As Amazon answers then; moto locks empty buckets only."""
    shop.proxy.refusals = {"PUT": Refusal(400, "InvalidRequest", amazon_about_locks)}
    await shop.put("meanwhile")
    assert "object lock" in (await shop.logged("provider in trouble", "locked"))["remedy"]
    assert_named_everywhere(shop.installation, "locked", "object lock")


async def test_versioning_that_is_switched_on_in_mid_run(shop: Shop, moto_server: Server) -> None:
    """Last: it cannot be undone."""
    moto.switch_versioning_on(moto_server, shop.bucket)
    await shop.put("after")
    assert "lifecycle rule" in (await shop.logged("provider in trouble", "versioned"))["remedy"]
    assert_named_everywhere(shop.installation, "versioned", "lifecycle rule")


# ---------------------------------------------------------------- Azure


def shared_access(rights: str, seconds: float) -> str:
    """A token that gives rights at the emulator's container for so long."""
    end = datetime.fromtimestamp(SystemClock().now() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    version, place = "2020-12-06", f"/blob/{azurite.account}/container"
    text = "\n".join([rights, "", end, place, *[""] * 3, version, "c", *[""] * 7])
    digest = hmac.digest(base64.b64decode(azurite.key), text.encode(), "sha256")
    signature = base64.b64encode(digest).decode()
    return urlencode({"sp": rights, "se": end, "sv": version, "sr": "c", "sig": signature})


async def test_a_token_of_azure_that_gives_too_little_or_no_more(
    azurite_server: Server, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"account={azurite.account}&endpoint={azurite_server.url}"
    monkeypatch.setenv("OUTLAST_TEST_TOKEN", shared_access("racwdl", 600))
    url = f"azure://container/{prefix}?{endpoint}&sas_token_env=OUTLAST_TEST_TOKEN&role=data"
    installation = make(tmp_path / "shop", url)
    assert in_probe(installation) == {}
    for rights, seconds, remedy in (("rl", 600, "may write"), ("racwl", 600, "may delete")):
        monkeypatch.setenv("OUTLAST_TEST_TOKEN", shared_access(rights, seconds))
        assert remedy in in_status(installation)["denied"]
        assert remedy in in_probe(installation)["denied"]
    monkeypatch.setenv("OUTLAST_TEST_TOKEN", shared_access("racwdl", -600))
    assert_named_everywhere(installation, "denied", "neither expired")
