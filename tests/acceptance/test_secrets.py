"""Secrets never appear: credentials are planted in every way that the docs allow, and everything is searched.

Searched are standard output and error of the commands that reach providers, as text and as JSON, in success
and in failure; reports; the gateway's log and metrics; tracebacks of unhandled errors, with all local
variables; and all files but the key file: settings, local catalogs, what lies at the providers. Secrets are
looked for as they are, and in URL, hexadecimal and base64 encoding wherever they begin within these.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from outlast.cli.main import run_command
from outlast.coding import key_text
from outlast.testing.called import call
from outlast.testing.installation import Installation
from outlast.testing.s3_client import S3Client
from outlast.testing.servers import moto, webdav
from outlast.testing.servers.process import free_port
from outlast.testing.servers.refusing_proxy import Refusal, RefusingProxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Long, and with what each encoding changes.
s3_secret, s3_token = "PLANTED/s3+secret=0123456789abcdef", "PLANTED/s3+token=0123456789abcdef"
ambient_secret, profile_secret = "PLANTED/ambient+secret=0123456789", "PLANTED/profile+secret=0123456789"
azure_key = base64.b64encode(b"PLANTED azure account key 0123456789").decode()
azure_signature = base64.b64encode(b"PLANTED azure shared access signature").decode()
azure_token = f"sv=2020-12-06&sp=racwdl&sr=c&se=2099-01-01T00:00:00Z&sig={quote(azure_signature)}"
google_key, google_file_key = "PLANTED/google+key=0123456789abc", "PLANTED/google+file+key=01234567"
bearer = "PLANTED/bearer+token=0123456789abcdef"


@dataclass
class Search:
    """What was said, and the secrets that must not be in it."""

    secrets: dict[str, bytes] = field(default_factory=dict)
    said: dict[str, bytes] = field(default_factory=dict)

    def hear(self, where: str, text: str | bytes) -> None:
        assert where not in self.said, "what was said before would be forgotten"
        self.said[where] = text.encode() if isinstance(text, str) else text

    def leaks(self) -> list[tuple[str, str]]:
        """(where, which secret) of everything found."""
        found = []
        for name, secret in self.secrets.items():
            forms = list(forms_of(secret))
            found += [
                (where, name) for where, text in self.said.items() if any(form in text for form in forms)
            ]
        return found


def forms_of(secret: bytes) -> Iterator[bytes]:
    """The ways in which a secret may be written."""
    text = secret.decode("latin-1")
    yield secret
    yield json.dumps(text)[1:-1].encode()
    yield repr(secret)[2:-1].encode()
    yield quote(secret, safe="").encode()
    yield quote(secret).encode()
    yield quote_plus(secret).encode()
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for before in range(3):  # base64 of something that holds it begins at any of three places
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * before + secret)
            yield whole[(8 * before + 5) // 6 : -4]


class Echo:
    """A server that refuses everything, and echoes in its answer whatever it was sent, as some do."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                echoed = f"{self.command} {self.path}\n{self.headers}".replace("<", "").encode()
                body = b"<Error><Code>AccessDenied</Code><Message>" + echoed + b"</Message></Error>"
                self.send_response(403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = do_PROPFIND = do_MKCOL = _answer  # noqa: N815

            def log_message(self, format: str, *arguments: object) -> None:
                """What it was sent is nobody's business."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.where = f"127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    """Credentials in every way that docs/reference/providers allows."""
    google = '{{"disable_oauth":true,"client_email":"","private_key_id":"","private_key":"{}"}}'
    (tmp_path / "google.json").write_text(google.format(google_file_key))
    profile = f"[somebody]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = {profile_secret}\n"
    (tmp_path / "credentials").write_text(profile)
    for variable, value in {
        "PLANTED_S3_ID": "AKIAPLANTED",
        "PLANTED_S3_SECRET": s3_secret,
        "PLANTED_S3_TOKEN": s3_token,
        "AWS_ACCESS_KEY_ID": "AKIAAMBIENT",
        "AWS_SECRET_ACCESS_KEY": ambient_secret,
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "PLANTED_AZURE_KEY": azure_key,
        "PLANTED_AZURE_TOKEN": azure_token,
        "AZURE_STORAGE_ACCOUNT_KEY": azure_key,
        "PLANTED_GOOGLE_KEY": google.format(google_key),
        "PLANTED_PASSWORD": webdav.password,
        "PLANTED_BEARER": bearer,
    }.items():
        monkeypatch.setenv(variable, value)
    secrets = {
        "s3 secret": s3_secret,
        "s3 token": s3_token,
        "ambient secret": ambient_secret,
        "profile's secret": profile_secret,
        "azure key": azure_key,
        "azure key, decoded": base64.b64decode(azure_key).decode(),
        "azure signature": azure_signature,
        "google key": google_key,
        "google file's key": google_file_key,
        "password": webdav.password,
        "bearer token": bearer,
    }
    return Search({name: secret.encode() for name, secret in secrets.items()})


s3_named = (
    "access_key_id_env=PLANTED_S3_ID&secret_access_key_env=PLANTED_S3_SECRET"
    "&session_token_env=PLANTED_S3_TOKEN"
)


def urls_at(server: str, folder: Path) -> dict[str, str]:
    """A URL for each way of giving a credential. `server`: host and port, without TLS."""
    s3, azure, google = (
        f"s3://bucket/place?endpoint=http://{server}",
        f"azure://bucket/place?account=somebody&endpoint=http://{server}/somebody",
        f"gs://bucket/place?endpoint=http://{server}",
    )
    return {
        "s3 named": f"{s3}&{s3_named}",
        "s3 ambient": s3,
        "s3 profile": f"{s3}&profile=somebody",
        "azure key": f"{azure}&account_key_env=PLANTED_AZURE_KEY",
        "azure token": f"{azure}&sas_token_env=PLANTED_AZURE_TOKEN",
        "azure ambient": azure,
        "google key": f"{google}&service_account_key_env=PLANTED_GOOGLE_KEY",
        "google file": f"{google}&service_account_file={folder / 'google.json'}",
        "webdav password": f"webdav+http://{server}/place?user=somebody&password_env=PLANTED_PASSWORD",
        "webdav token": f"webdav+http://{server}/place?token_env=PLANTED_BEARER",
        "secret in place of a variable": f"{s3}&access_key_id_env=PLANTED_S3_ID"
        f"&secret_access_key_env={quote(s3_secret)}",
        "a url with a password": f"webdav+http://me:{quote(webdav.password)}@{server}/place",
        "a url with a key": f"{s3}&secret_access_key={quote(s3_secret)}",
    }


# ---------------------------------------------------------------- driving it


def command(search: Search, arguments: tuple[str, ...], environment: dict[str, str]) -> int:
    """Run a command in this process, as text and as JSON; the exit status of the latter."""
    for form in ((), ("--json",)):
        result = call(run_command, [*arguments, *form], environment=environment)
        said = result.stdout + result.stderr
        assert said, arguments
        where = f"{len(search.said)}: {' '.join([*arguments[:2], *form])}"
        search.hear(where, said)
    return result.exit_code


def process(search: Search, where: str, *arguments: str, environment: dict[str, str]) -> int:
    """Run Python in development mode, where it complains of everything."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", *arguments], env=environment, capture_output=True, check=False
    )
    search.hear(where, done.stdout + b"\n" + done.stderr)
    return done.returncode


unhandled = """
import asyncio, sys, traceback
from outlast.base.clock import SystemClock
from outlast.providers.registry import open_provider
from outlast.providers.wrap.layers import innermost
import outlast

async def fail(url):
    provider = open_provider("there", url, SystemClock())
    print(repr(provider), vars(provider), vars(innermost(provider)))
    await provider.put("a", b"x")
    sys.exit("that should have failed")

async def use(config):
    async with outlast.open(config) as store:
        print(repr(store), vars(store), [vars(store.fleet[name]) for name in store.fleet.names])
        print(await store.access_keys())
        await store.get("bucket", "nothing of that name")

async def main(config, *urls):
    for url in urls:
        try:
            await fail(url)
        except Exception as error:
            traceback.TracebackException.from_exception(error, capture_locals=True).print()
            traceback.print_exc()
    if config:
        await use(config)
    await fail(urls[0])

asyncio.run(main(*sys.argv[1:]))
"""


def test_no_secret_appears_where_every_provider_refuses(planted: Search, tmp_path: Path) -> None:
    """Each way of giving a credential, to a server that echoes it, and to a port where nobody listens."""
    echo = Echo()
    try:
        for server in (echo.where, f"127.0.0.1:{free_port()}"):
            for way, url in urls_at(server, tmp_path).items():
                assert command(planted, ("provider", "probe", "--url", url), {}) == 1, way
                initial = ("init", "--config", str(tmp_path / "new.toml"), f"--provider=there={url}")
                assert command(planted, initial, {}) == 1, way
        urls = urls_at(echo.where, tmp_path).values()
        # One that was not even opened has the URL itself on its command line, and in the local variables.
        opened = [url for url in urls if quote(s3_secret) not in url and quote(webdav.password) not in url]
        assert len(opened) == len(urls) - 3
        assert process(planted, "unhandled", "-c", unhandled, "", *opened, environment={**os.environ}) == 1
        assert planted.said["unhandled"].count(b"Traceback") > 2 * len(opened)
    finally:
        echo.stop()
    assert planted.leaks() == []


@pytest.fixture
def store(planted: Search, tmp_path: Path) -> Iterator[tuple[Installation, RefusingProxy]]:
    """A store over directories, an S3 server and a WebDAV server."""
    (tmp_path / "servers").mkdir()
    running = [moto.start(tmp_path / "servers"), webdav.start(tmp_path / "servers")]
    try:
        moto.make_bucket(running[0], "bucket")
        with RefusingProxy(running[0].url) as proxy:
            installation = Installation(tmp_path / "shop")
            installation.folder.mkdir()
            shares = f"{running[1].url}/place?user={webdav.user}&password_env=PLANTED_PASSWORD&role=data"
            providers = {name: str(installation.folder / name) for name in ("a", "b", "c")}
            providers |= {
                "s3": f"s3://bucket/place?endpoint={proxy.url}&{s3_named}&role=data",
                "share": shares,
            }
            named = [f"--provider={name}={url}" for name, url in providers.items()]
            planted.hear("init", json.dumps(installation.run("init", *named)))
            yield installation, proxy
    finally:
        for server in running:
            server.stop()


def test_no_secret_appears_in_a_store_that_works_and_then_does_not(
    planted: Search, store: tuple[Installation, RefusingProxy]
) -> None:
    installation, proxy = store
    environment = {**os.environ, **installation.environment("cli"), "PYTHONDEVMODE": "1"}
    installation.run("bucket", "create", "bucket")
    key = installation.run("key", "create", "me")
    planted.secrets["access key's secret"] = key["secret_access_key"].encode()
    planted.secrets["master key"] = master_secret(installation.folder / "outlast.key")
    everything = [
        ("status",),
        ("doctor",),
        ("provider", "list"),
        ("provider", "probe", "s3", "share"),
        ("key", "list"),
        ("ls",),
        ("cat", "bucket/none"),
        ("repair", "--quick"),
        ("collect",),
        ("what-if",),
        ("report",),
        ("report", "--html", str(installation.folder / "report.html")),
        ("report", "--sarif", str(installation.folder / "report.sarif")),
    ]
    with installation.serve() as gateway:
        assert asyncio.run(use(gateway.host, gateway.port, key)) == {200, 404, 403}
        for arguments in everything:
            command(planted, arguments, environment)
        drill = ("-m", "outlast", "drill", "s3", "--seconds", "1")
        assert process(planted, "drill", *drill, environment=environment) == 0
        command(planted, ("drill", "--history"), environment)
        proxy.refusals = dict.fromkeys(
            ("GET", "PUT", "HEAD", "DELETE"), Refusal(403, "AccessDenied", s3_secret)
        )
        assert asyncio.run(use(gateway.host, gateway.port, key)) == {200, 404, 403}
        for arguments in everything:
            command(planted, arguments, environment)
        url = f"s3://bucket/place?endpoint={proxy.url}&{s3_named}"
        config = str(installation.config)
        assert process(planted, "unhandled", "-c", unhandled, config, url, environment=environment) == 1
        assert b"NoSuchKey" in planted.said["unhandled"]
        wait_said(gateway, "provider in trouble")
        planted.hear("metrics", gateway.metrics())
    planted.hear("gateway's log", gateway.said())
    for path in sorted(installation.folder.rglob("*")):
        if path.is_file() and path.name != "outlast.key":
            planted.hear(f"file {path.relative_to(installation.folder)}", path.read_bytes())
    assert any(where.endswith("catalog.sqlite") for where in planted.said)
    assert planted.leaks() == []


async def use(host: str, port: int, key: dict[str, str]) -> set[int]:
    """Write, read, miss, and be refused; the statuses."""
    content = bytes(range(256)) * 1200
    async with S3Client(host, port, key["access_key_id"], key["secret_access_key"]) as client:
        statuses = {(await client.put("bucket", "large", content)).status}
        statuses |= {(await client.get("bucket", name)).status for name in ("large", "none")}
    async with S3Client(host, port, key["access_key_id"], "another secret") as stranger:
        return statuses | {(await stranger.get("bucket", "large")).status}


def wait_said(gateway: Any, words: str) -> None:
    for _ in range(300):
        if words in gateway.said():
            return
        time.sleep(0.1)
    raise AssertionError(f"the gateway does not say {words!r}: {gateway.said()}")


def master_secret(path: Path) -> bytes:
    """The 32 bytes of the key file."""
    return key_text.parse(path.read_text(), "", str(path))


# ---------------------------------------------------------------- that the search finds what there is


@pytest.mark.parametrize("form", range(len(list(forms_of(b"x" * 32)))))
def test_a_leak_in_any_form_is_found(planted: Search, form: int) -> None:
    for name, secret in planted.secrets.items():
        search = Search({name: secret}, {"somewhere": b"before " + list(forms_of(secret))[form] + b" after"})
        assert search.leaks() == [("somewhere", name)]


def test_a_leak_by_a_program_is_found(planted: Search) -> None:
    """The same way as all others: a traceback, and a header as it is sent."""
    leak = "import os; raise RuntimeError(os.environ['PLANTED_S3_SECRET'])"
    assert process(planted, "traceback", "-c", leak, environment={**os.environ}) == 1
    basic = base64.b64encode(f"{webdav.user}:{webdav.password}".encode())
    planted.hear("header", b"Authorization: Basic " + basic)
    assert planted.leaks() == [("traceback", "s3 secret"), ("header", "password")]
    planted.said.clear()
    assert planted.leaks() == []
