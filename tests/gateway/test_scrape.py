"""Who may read `/metrics`, and who gets what S3 says."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict
from running_gateway import Answer, Raw, RunningGateway

from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.gateway.s3.address import Hosts
from outlast.gateway.scrape import Scrape
from outlast.gateway.server import GatewayServer

TOKEN = "a token that is long enough"


def ask(gateway: Any, target: str = "/metrics", method: str = "GET", **headers: str) -> Answer:
    fields = {"Host": "127.0.0.1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return gateway.exchange(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode())


def is_scrape(answer: Answer) -> bool:
    return answer.status == 200 and b"outlast_s3_requests_total" in answer.body


@pytest.fixture
def guarded(gateway: RunningGateway) -> Iterator[Any]:
    """Another gateway on the same store, with a token."""

    async def start() -> tuple[GatewayServer, int]:
        store = gateway.world.store
        server = GatewayServer(store, SystemClock(), SystemEntropy(), metrics_token=TOKEN)
        return server, await server.start("127.0.0.1", 0)

    server, port = gateway.run(start())

    def exchange(sent: bytes) -> Answer:
        import socket

        with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
            raw = Raw(sock)
            raw.send(sent)
            return raw.answer()

    yield SimpleNamespace(exchange=exchange)
    gateway.run(server.stop(1.0))


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "127.0.0.1", "localhost:9000", "[::1]:9000", "LocalHost"])
def test_a_client_on_this_computer_may_read(gateway: RunningGateway, host: str) -> None:
    answer = ask(gateway, Host=host)
    assert is_scrape(answer)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "name", ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Anything", "Via", "X-Real-IP"]
)
def test_what_came_through_a_proxy_may_not(gateway: RunningGateway, name: str) -> None:
    answer = ask(gateway, **{name.replace("-", "_"): "127.0.0.1"})
    assert (answer.status, answer.code) == (403, "AccessDenied")


@pytest.mark.parametrize("host", ["s3.example.com", "example.com:9000", "10.0.0.1", "", "[::2]"])
def test_nor_what_was_asked_of_another_name(gateway: RunningGateway, host: str) -> None:
    answer = ask(gateway, Host=host)
    assert (answer.status, answer.code) == (403, "AccessDenied")


def request(remote: str | None, **headers: str) -> Any:
    fields = CIMultiDict({"Host": "127.0.0.1:9000", **headers})
    return SimpleNamespace(raw_path="/metrics", method="GET", headers=fields, remote=remote)


@pytest.mark.parametrize(
    ("remote", "may"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("2001:db8::1", False),
        ("", False),
        (None, False),
    ],
)
def test_without_a_token_only_loopback_addresses_may(remote: str | None, may: bool) -> None:
    assert Scrape(None, Hosts()).takes(request(remote)) is may  # type: ignore[arg-type]


def test_with_a_token_whoever_shows_it_may_from_anywhere() -> None:
    scrape = Scrape(None, Hosts(), TOKEN)  # type: ignore[arg-type]
    assert scrape.takes(request("203.0.113.9", Authorization=f"Bearer {TOKEN}", Via="a proxy"))
    assert scrape.takes(request("203.0.113.9", Authorization=f"bearer {TOKEN}"))
    for wrong in ("Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN):
        assert not scrape.takes(request("127.0.0.1", Authorization=wrong))
    assert not scrape.takes(request("127.0.0.1"))


def test_the_token_opens_a_running_gateway_and_nothing_else_does(guarded: Any) -> None:
    assert is_scrape(ask(guarded, Authorization=f"Bearer {TOKEN}", Host="s3.example.com", Via="1.1 proxy"))
    assert ask(guarded).code == "AccessDenied"
    wrong = ask(guarded, Authorization="Bearer wrong")
    assert wrong.status == 400 and b"outlast_" not in wrong.body


def test_a_token_that_nobody_set_opens_nothing(gateway: RunningGateway) -> None:
    for shown in ("Bearer", "Bearer ", f"Bearer {TOKEN}"):
        assert ask(gateway, Authorization=shown).status == 400


def test_only_a_get_of_exactly_that_path_is_a_scrape(gateway: RunningGateway) -> None:
    for target in ("/metrics/", "/metrics?", "/metrics?x=1", "//metrics", "/%6Detrics", "/Metrics"):
        assert ask(gateway, target).code == "AccessDenied"
    for method in ("PUT", "POST", "DELETE"):
        assert ask(gateway, method=method, Content_Length="0").code == "AccessDenied"


def test_a_signed_request_is_for_the_bucket_of_that_name(gateway: RunningGateway) -> None:
    s3 = gateway.client()
    s3.create_bucket(Bucket="metrics")
    s3.put_object(Bucket="metrics", Key="k", Body=b"x")
    try:
        assert [row["Key"] for row in s3.list_objects(Bucket="metrics")["Contents"]] == ["k"]
        presigned = gateway.client(signature_version="s3v4").generate_presigned_url(
            "list_objects", Params={"Bucket": "metrics"}
        )
        path = presigned.partition(str(gateway.port))[2]
        listed = ask(gateway, path, Host=f"127.0.0.1:{gateway.port}")
        assert b"<ListBucketResult" in listed.body
    finally:
        s3.delete_object(Bucket="metrics", Key="k")
        s3.delete_bucket(Bucket="metrics")


def test_an_object_of_that_name_under_a_buckets_own_host_is_no_scrape(gateway: RunningGateway) -> None:
    assert ask(gateway, Host="photos.localhost").code == "AccessDenied"


def test_a_scrape_is_no_s3_request(gateway: RunningGateway) -> None:
    for _ in range(3):
        answer = ask(gateway)
    lines = [line for line in answer.body.splitlines() if b'operation="unknown",status="200"' in line]
    assert lines == []
