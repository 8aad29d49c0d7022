"""`GET /ready`: 200 or 503 as the store can be served or not, for anybody, without asking a provider."""

from collections.abc import Iterator

import pytest
from running_gateway import Client, RunningGateway

from outlast.base.errors import StoreUnavailable
from outlast.providers.wrap.fault import Shape

ASKED = "{} {} HTTP/1.1\r\nHost: {}\r\nVia: a proxy\r\n\r\n"


@pytest.fixture
def own() -> Iterator[RunningGateway]:
    """A gateway of one's own, whose providers may fail."""
    with RunningGateway() as running:
        yield running


def ask(gateway: RunningGateway, method: str = "GET", path: str = "/ready", host: str = "x") -> int:
    with gateway.connection() as raw:
        raw.send(ASKED.format(method, path, host).encode())
        return raw.answer(method).status


def requests(gateway: RunningGateway) -> int:
    """How many the providers have had."""
    return sum(
        usage.requests
        for provider in gateway.world.store.figures().providers
        for usage in provider.usage.values()
    )


async def fails_to_sync(gateway: RunningGateway) -> None:
    with pytest.raises(StoreUnavailable):
        await gateway.world.store.catalog.sync()


@pytest.mark.slow
def test_it_is_ready_while_enough_voters_answer(own: RunningGateway) -> None:
    assert (ask(own), ask(own, "HEAD")) == (200, 200)
    own.world.faults["p0"].shape = Shape.REFUSE
    own.run(own.world.store.catalog.sync())
    assert ask(own) == 200
    own.world.faults["p1"].shape = Shape.REFUSE
    own.run(fails_to_sync(own))
    assert (ask(own), ask(own, "HEAD")) == (503, 503)
    answer = own.exchange(ASKED.format("GET", "/ready", "x").encode())
    assert answer.body == b"not ready\n"
    own.heal()
    own.run(own.world.store.catalog.sync())
    assert ask(own) == 200


def test_strangers_who_ask_cost_no_provider_anything(gateway: RunningGateway) -> None:
    before = requests(gateway)
    for _ in range(30):
        assert ask(gateway) == 200
    assert requests(gateway) - before < 20  # but for what the gateway asks for its own sake


def test_only_what_s3_would_refuse_is_taken_for_it(gateway: RunningGateway, s3: Client) -> None:
    assert ask(gateway, "PUT") == 403
    assert ask(gateway, path="/ready?x") == ask(gateway, path="/ready/") == 403
    assert ask(gateway, host="bucket.example.com") == 403
    s3.create_bucket(Bucket="ready")
    s3.put_object(Bucket="ready", Key="k", Body=b"x")
    assert [row["Key"] for row in s3.list_objects_v2(Bucket="ready")["Contents"]] == ["k"]
