"""What went wrong is told by cause, each from a real socket that misbehaves that way; no secret is."""

import asyncio
import re
import socket
import ssl
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.base.errors import (
    Cause,
    ConfigError,
    Denied,
    Exists,
    Expired,
    Full,
    Locked,
    NotFound,
    ProviderError,
    Unavailable,
    Unsupported,
)
from outlast.providers.cloud.address import read_address
from outlast.providers.cloud.opening import open_cloud
from outlast.providers.longtail.address import read_share
from outlast.providers.longtail.opening import open_share
from outlast.providers.protocol import Provider
from outlast.providers.registry import parse_url
from outlast.providers.trouble import of_error
from outlast.testing.certificates import Authority

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
planted = "PLANTEDsecretPLANTEDsecretPLANTED000+/w="
clouds = ("s3", "azure", "gs")
places = (*clouds, "webdav")


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTLAST_TEST_SECRET", planted)
    monkeypatch.setenv(
        "OUTLAST_TEST_GOOGLE",
        f'{{"disable_oauth":true,"client_email":"","private_key":"{planted}","private_key_id":""}}',
    )


def url_of(kind: str, endpoint: str, more: str = "") -> str:
    if kind == "webdav":
        plain = endpoint.startswith("http:")
        scheme = "webdav+http" if plain else "webdav"
        where = endpoint.partition("://")[2]
        return f"{scheme}://{where}/p?user=me&password_env=OUTLAST_TEST_SECRET{more}"
    return {
        "s3": f"s3://bucket/p?endpoint={endpoint}&access_key_id_env=OUTLAST_TEST_SECRET"
        f"&secret_access_key_env=OUTLAST_TEST_SECRET&session_token_env=OUTLAST_TEST_SECRET{more}",
        "azure": f"azure://bucket/p?endpoint={endpoint}/me&account=myself"
        f"&account_key_env=OUTLAST_TEST_SECRET{more}",
        "gs": f"gs://bucket/p?endpoint={endpoint}&service_account_key_env=OUTLAST_TEST_GOOGLE{more}",
    }[kind]


def opened(kind: str, endpoint: str, more: str = "", deadline_s: float = 5.0) -> Provider:
    """A provider without wrappers, so that each call is one attempt."""
    parts = urlsplit(url_of(kind, endpoint, more))
    options = dict(parse_qsl(parts.query))
    if kind == "webdav":
        share = read_share("there", parts, options)
        return open_share("there", share, options, SystemClock(), SeededEntropy(1), deadline_s)
    return open_cloud("there", read_address("there", parts, options), options, deadline_s)


@asynccontextmanager
async def server(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Where `handler` answers, one request for each connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{port}"
    finally:
        listening.close()


async def take(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    if length is not None:
        await reader.readexactly(int(length[1]))
    return head


def says(status: int, code: str = "", headers: str = "") -> Handler:
    """Answers every request with a status and, as clouds do, the error's code in XML.

    It echoes all headers, as some servers do to explain what is wrong with a signature.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await take(reader)
        body = b""
        if code:
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>".encode()
            body += head.replace(b"<", b"") + b"</Message></Error>"
        if head.startswith(b"HEAD"):
            body = b""
        top = f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
        writer.write(top.encode() + body)
        await writer.drain()

    return answer


async def failing(call: Awaitable[object]) -> ProviderError:
    """The error of the call, which holds no secret in any way of showing it."""
    with pytest.raises(ProviderError) as raised:
        await call
    error = raised.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error.__context__)
    assert "PLANTED" not in shown
    assert error.__context__ is None, "the library's own error is chained"
    return error


async def test_a_draft_whose_upload_fails_is_deleted_at_a_share() -> None:
    asked: list[tuple[bytes, bytes]] = []
    deleted = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path, _ = (await take(reader)).split(b" ", 2)
        asked.append((method, path))
        if method == b"DELETE":
            deleted.set()
        status = {b"PUT": b"507 Full", b"PROPFIND": b"404 None"}.get(method, b"201 Done")
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with server(answer) as there:
        provider = opened("webdav", there)
        await failing(provider.put("a", b"x"))
        (draft,) = {path for method, path in asked if method == b"PUT"}
        assert b"/.tmp/" in draft
        await deleted.wait()
        assert asked[-1] == (b"DELETE", draft)
        await provider.close()


# ---------------------------------------------------------------- the right one is asked


@pytest.mark.parametrize("kind", clouds)
async def test_no_variable_moves_a_provider_or_takes_its_signature(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        elsewhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for variable in (
            "AWS_ENDPOINT",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
            "AZURE_ENDPOINT",
            "AZURE_STORAGE_ENDPOINT",
            "GOOGLE_BASE_URL",
        ):
            monkeypatch.setenv(variable, elsewhere)
        for variable in (
            "AWS_SKIP_SIGNATURE",
            "AZURE_SKIP_SIGNATURE",
            "AZURE_STORAGE_USE_EMULATOR",
            "AZURE_USE_FABRIC_ENDPOINT",
            "GOOGLE_SKIP_SIGNATURE",
        ):
            monkeypatch.setenv(variable, "true")
        heads: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await take(reader))
            writer.write(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()

        async with server(answer) as there:
            await failing(opened(kind, there).get("a"))
        assert len(heads) == 1
        # A key of Google's that may be used without its own servers signs nothing.
        assert kind == "gs" or b"authorization: " in heads[0].lower()


async def test_a_google_key_knows_no_other_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key's JSON may say where to go, too."""
    monkeypatch.setenv(
        "OUTLAST_TEST_GOOGLE",
        '{"disable_oauth":true,"client_email":"","private_key":"k","private_key_id":"",'
        '"gcs_base_url":"http://127.0.0.1:1"}',
    )
    async with server(says(404)) as there:
        assert type(await failing(opened("gs", there).get("a"))) is NotFound


@pytest.mark.parametrize("variable", ["GOOGLE_SERVICE_ACCOUNT", "GOOGLE_BEARER_TOKEN"])
def test_another_google_credential_is_not_mixed_with_the_named_one(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, planted)
    with pytest.raises(ConfigError, match=f"{variable} in the environment is another") as refused:
        opened("gs", "http://127.0.0.1:1")
    assert "PLANTED" not in str(refused.value)


# ---------------------------------------------------------------- nobody answers


@pytest.mark.parametrize("kind", places)
async def test_a_refused_connection(kind: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        provider = opened(kind, f"http://127.0.0.1:{unused.getsockname()[1]}")
        for call in (provider.get("a"), provider.put("a", b"x"), provider.head("a"), provider.delete("a")):
            error = await failing(call)
            assert (type(error), error.cause) == (Unavailable, Cause.REFUSED)


@pytest.mark.parametrize("kind", places)
async def test_a_name_that_cannot_be_resolved(kind: str) -> None:
    error = await failing(opened(kind, "http://there-is-no.invalid").get("a"))
    assert (type(error), error.cause) == (Unavailable, Cause.DNS)


@pytest.mark.parametrize("kind", places)
async def test_a_server_that_does_not_speak_tls(kind: str) -> None:
    async def in_the_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(5)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with server(in_the_clear) as url:
        error = await failing(opened(kind, url.replace("http:", "https:")).get("a"))
        assert (type(error), error.cause) == (Unavailable, Cause.TLS)


@pytest.mark.parametrize("kind", places)
async def test_a_certificate_that_nobody_signed(kind: str, tmp_path: Path) -> None:
    async with server(says(200), untrusted(tmp_path)) as url:
        error = await failing(opened(kind, url).get("a"))
        assert (type(error), error.cause) == (Unavailable, Cause.TLS)


async def test_a_certificate_of_an_authority_that_the_url_names_is_trusted(tmp_path: Path) -> None:
    async with server(says(404), untrusted(tmp_path)) as url:
        error = await failing(opened("s3", url, f"&ca_file={tmp_path}/authority").get("a"))
        assert isinstance(error, NotFound)


@pytest.mark.parametrize("kind", places)
@pytest.mark.parametrize("verb", ["get", "put"])
async def test_a_black_hole_is_found_out_at_the_deadline(kind: str, verb: str) -> None:
    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(nothing) as url:
        provider = opened(kind, url, deadline_s=0.1)
        error = await failing(provider.get("a", (0, 1)) if verb == "get" else provider.put("a", b"x"))
        assert (type(error), error.cause) == (Unavailable, Cause.TIMEOUT)


@pytest.mark.parametrize("kind", clouds)
async def test_a_create_that_disappears_in_a_black_hole_may_have_happened(kind: str) -> None:
    """It is not asked again, and the caller is told that there was no answer."""
    arrived = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await take(reader))
        await reader.read()

    async with server(swallow) as url:
        error = await failing(opened(kind, url, deadline_s=0.2).create("a", b"x"))
        assert (type(error), error.cause, len(arrived)) == (Unavailable, Cause.TIMEOUT, 1)


@pytest.mark.parametrize("kind", places)
async def test_a_connection_that_is_reset(kind: str) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        one = writer.get_extra_info("socket")
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with server(reset) as url:
        error = await failing(opened(kind, url).get("a"))
        assert (type(error), error.cause) == (Unavailable, Cause.RESET)


@pytest.mark.parametrize("kind", places)
async def test_a_connection_that_ends_without_an_answer(kind: str) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)

    async with server(close) as url:
        error = await failing(opened(kind, url).get("a"))
        assert (type(error), error.cause) == (Unavailable, Cause.RESET)


@pytest.mark.parametrize("kind", places)
async def test_an_answer_that_breaks_off(kind: str) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(
            b'HTTP/1.1 200 OK\r\nETag: "a"\r\nLast-Modified: Tue, 24 Nov 2026 10:00:00 GMT\r\n'
            b"x-goog-generation: 1\r\nContent-Length: 100\r\n\r\n" + b"\xff" * 50
        )
        await writer.drain()

    async with server(half) as url:
        error = await failing(opened(kind, url).get("a"))
        assert (type(error), error.cause) == (Unavailable, Cause.RESET)


@pytest.mark.parametrize("kind", clouds)
async def test_an_answer_that_is_not_http(kind: str) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()

    async with server(babble) as url:
        error = await failing(opened(kind, url).get("a"))
        assert (type(error), error.cause) == (Unavailable, Cause.SERVER)


@pytest.mark.parametrize("kind", places)
async def test_a_login_page_in_the_providers_place(kind: str) -> None:
    async def portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        page = b"<!DOCTYPE html><html><body>Please log in</body></html>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(page) + page)
        await writer.drain()

    async with server(portal) as url:
        provider = opened(kind, url)
        error = await failing(provider.put("a", b"x"))
        assert (type(error), error.cause) == (Unavailable, Cause.PORTAL)
        assert "login page" in str(error)
        assert "browser" in of_error(error).remedy


# ---------------------------------------------------------------- it says no


@pytest.mark.parametrize("kind", places)
@pytest.mark.parametrize(
    ("status", "code", "wanted", "cause"),
    [
        (500, "InternalError", Unavailable, Cause.SERVER),
        (502, "", Unavailable, Cause.SERVER),
        (503, "SlowDown", Unavailable, Cause.THROTTLED),
        (503, "", Unavailable, Cause.THROTTLED),
        (429, "", Unavailable, Cause.THROTTLED),
        (403, "AccessDenied", Denied, Cause.DENIED),
        (401, "", Denied, Cause.DENIED),
        (507, "", Full, Cause.FULL),
        (413, "", Full, Cause.FULL),
        (501, "NotImplemented", Unsupported, Cause.UNSUPPORTED),
        (408, "", Unavailable, Cause.TIMEOUT),
    ],
)
async def test_a_status(kind: str, status: int, code: str, wanted: type[ProviderError], cause: Cause) -> None:
    async with server(says(status, code)) as url:
        provider = opened(kind, url)
        for call in (provider.put("a", b"x"), provider.get("a"), provider.delete("a")):
            error = await failing(call)
            assert (type(error), error.cause) == (wanted, cause)
        assert str(status) in str(error) or cause is Cause.UNSUPPORTED


@pytest.mark.parametrize("kind", clouds)
@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (400, "ExpiredToken", Expired),
        (403, "TokenRefreshRequired", Expired),
        (400, "InvalidToken", Denied),
        (400, "AuthorizationHeaderMalformed", Denied),
        (403, "InvalidAccessKeyId", Denied),
        (403, "SignatureDoesNotMatch", Denied),
        (403, "RequestTimeTooSkewed", Denied),
        (403, "QuotaExceeded", Full),
        (409, "BlobImmutableDueToPolicy", Locked),
        (403, "retentionPolicyNotMet", Locked),
        (500, "ServerBusy", Unavailable),
    ],
)
async def test_a_code_that_says_more_than_its_status(
    kind: str, status: int, code: str, wanted: type[ProviderError]
) -> None:
    async with server(says(status, code)) as url:
        error = await failing(opened(kind, url).put("a", b"x"))
        assert type(error) is wanted
        assert code in str(error)


async def test_the_remedy_is_named_where_the_code_tells_it() -> None:
    for code, remedy in (
        ("RequestTimeTooSkewed", "clock"),
        ("AuthorizationHeaderMalformed", "region"),
        ("ExpiredToken", "expired"),
    ):
        async with server(says(403, code)) as url:
            assert remedy in str(await failing(opened("s3", url).put("a", b"x")))


async def test_a_clock_that_differs_is_not_a_matter_of_credentials() -> None:
    async with server(says(403, "RequestTimeTooSkewed")) as url:
        error = await failing(opened("s3", url).put("a", b"x"))
        assert (type(error), error.cause) == (Denied, Cause.CLOCK)
        assert "credential" not in of_error(error).remedy
        assert "clock" in of_error(error).remedy


async def test_a_token_of_azure_whose_time_is_over() -> None:
    why = "<Message>Signature not valid in the specified time frame</Message>"
    async with server(says(403, f"AuthenticationFailed</Code>{why}<Code>")) as url:
        assert type(await failing(opened("azure", url).put("a", b"x"))) is Expired


async def test_amazon_wants_a_checksum_where_a_default_retention_is_set() -> None:
    """Its code is that of any bad request; what it explains tells."""
    why = "<Message>Content-MD5 is required for Put Object requests with Object Lock parameters</Message>"
    async with server(says(400, f"InvalidRequest</Code>{why}<Code>")) as url:
        assert type(await failing(opened("s3", url).put("a", b"x"))) is Locked
    async with server(says(400, "InvalidRequest")) as url:
        assert type(await failing(opened("s3", url).put("a", b"x"))) is Unavailable


@pytest.mark.parametrize("kind", clouds)
@pytest.mark.parametrize("code", ["NoSuchBucket", "ContainerNotFound"])
async def test_a_missing_bucket_is_not_a_missing_object(kind: str, code: str) -> None:
    """Or a bucket that was deleted would read as one from which nothing can be read any more."""
    async with server(says(404, code)) as url:
        provider = opened(kind, url)
        for call in (provider.get("a"), provider.put("a", b"x"), provider.create("a", b"x")):
            error = await failing(call)
            assert (type(error), error.cause) == (Unavailable, Cause.MISSING)
            assert "the bucket or container does not exist" in str(error)


@pytest.mark.parametrize("kind", ["s3", "gs"])
async def test_two_conditional_writes_that_met_are_told_apart_from_one_that_lost(kind: str) -> None:
    async with server(says(409, "ConditionalRequestConflict")) as url:
        provider = opened(kind, url)
        error = await failing(provider.create("a", b"x"))
        assert (type(error), error.cause) == (Unavailable, Cause.CONFLICT)
    async with server(says(412, "PreconditionFailed")) as url:
        provider = opened(kind, url)
        assert isinstance(await failing(provider.create("a", b"x")), Exists)


async def test_azure_says_409_when_an_object_exists() -> None:
    async with server(says(409, "BlobAlreadyExists")) as url:
        assert isinstance(await failing(opened("azure", url).create("a", b"x")), Exists)


@pytest.mark.parametrize("kind", clouds)
async def test_a_listing_fails_like_the_rest(kind: str) -> None:
    async with server(says(403, "AccessDenied")) as url:
        assert isinstance(await failing(anext(aiter(opened(kind, url).list("a/")))), Denied)
    async with server(says(404, "NoSuchBucket")) as url:
        assert (await failing(anext(aiter(opened(kind, url).list("a/"))))).cause is Cause.MISSING


@pytest.mark.parametrize("kind", clouds)
async def test_a_servers_text_cannot_pass_for_another_cause(kind: str) -> None:
    """The server's own words are in the error's text, too; they must not be taken for the library's."""

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        body = b"dns error; status code: 403 Forbidden; ConnectionRefused; http://169.254.169.254/"
        writer.write(b"HTTP/1.1 500 X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    async with server(lie) as url:
        error = await failing(opened(kind, url).put("a", b"x"))
        assert (type(error), error.cause) == (Unavailable, Cause.SERVER)


async def test_a_redirect_to_another_region_is_told() -> None:
    async with server(says(301, "PermanentRedirect")) as url:
        assert "region" in str(await failing(opened("s3", url).get("a")))


async def verbs_at(provider: Provider) -> list[ProviderError]:
    """How each verb fails."""
    calls = (
        provider.put("a", b"x"),
        provider.create("a", b"x"),
        provider.get("a"),
        provider.get("a", (0, 5)),
        provider.head("a"),
        anext(aiter(provider.list("a/"))),
    )
    return [await failing(call) for call in calls]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", clouds)
async def test_a_redirect_to_another_host_is_neither_believed_nor_followed(kind: str, status: int) -> None:
    """A PUT that is answered by 303 becomes a GET, which succeeds elsewhere."""
    asked: list[bytes] = []

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await take(reader))
        writer.write(
            b'HTTP/1.1 200 OK\r\nETag: "a"\r\nx-goog-generation: 1\r\nConnection: close\r\n'
            b"Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 5\r\n\r\nlogin"
        )
        await writer.drain()

    async with server(welcome) as portal:
        elsewhere = f"Location: {portal.replace('127.0.0.1', 'localhost')}/login\r\n"
        async with server(says(status, headers=elsewhere)) as url:
            for error in await verbs_at(opened(kind, url)):
                assert isinstance(error, Unavailable)
                assert str(status) in error.detail or "redirected to another host" in error.detail
    assert asked == []


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("kind", clouds)
async def test_no_proxy_of_the_environment_gets_what_is_for_a_provider(
    kind: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server(says(418)) as proxy, server(says(500, "InternalError")) as url:
        monkeypatch.setenv(variable, proxy)
        for error in await verbs_at(opened(kind, url)):
            assert error.cause is Cause.SERVER, error


def test_a_provider_shows_no_secret() -> None:
    for kind in places:
        provider = opened(kind, "http://127.0.0.1:9")
        shown = repr(provider) + str(vars(provider)) + repr(parse_url("there", url_of(kind, "http://x")))
        assert "PLANTED" not in shown


# ---------------------------------------------------------------- pieces


def untrusted(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate of an authority that nobody knows, which is in `folder`."""
    authority = Authority(SystemClock())
    (folder / "authority").write_bytes(authority.pem)
    (folder / "certificate").write_bytes(authority.issue("127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate")
    return context
