"""An error is a finding unless the client's own gateway was dead or stopped meanwhile."""

import asyncio
from collections.abc import Callable

import pytest

from outlast.base.clock import SystemClock
from outlast.testing.s3_client import NoAnswer, Response
from outlast.testing.siege.dice import Dice
from outlast.testing.siege.door import SLOWLY_BYTES, Door
from outlast.testing.siege.timeline import Timeline
from outlast.testing.targets import Refused, Rejected, Unanswered

UNAVAILABLE = Response(503, b"", b"<Code>ServiceUnavailable</Code><Message>p1: down</Message>")


class Client:
    """Answers every request alike, after something has happened."""

    def __init__(self, answer: Response | NoAnswer, meanwhile: Callable[[], None]) -> None:
        self.answer, self.meanwhile = answer, meanwhile

    async def put(self, *_: object, **options: object) -> Response:
        self.meanwhile()
        if isinstance(self.answer, NoAnswer):
            raise self.answer
        return self.answer

    get = put


class Gateway:
    """As much of one as a door sees."""

    name = "g0"

    def __init__(self, answer: Response | NoAnswer, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.up = asyncio.Event()
        self.up.set()
        self.disturbed = False
        self.client = Client(answer, meanwhile)

    def was_disturbed(self, since_s: float) -> bool:
        return self.disturbed


def door(gateway: Gateway, timeline: Timeline) -> Door:
    return Door(gateway, timeline, SystemClock(), Dice(1, "door"))  # type: ignore[arg-type]  # as much as is used


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(SystemClock(), lambda line: None)


@pytest.mark.parametrize(
    ("answer", "error", "kind"),
    [
        (UNAVAILABLE, Unanswered, "a request is answered 503"),
        (Response(403, b"", b"<Code>AccessDenied</Code>"), Rejected, "a request is answered 403"),
        (NoAnswer("none within 60 s"), Unanswered, "a request is not answered"),
    ],
)
async def test_an_error_is_a_finding(
    timeline: Timeline, answer: Response | NoAnswer, error: type[Exception], kind: str
) -> None:
    with pytest.raises(error):
        await door(Gateway(answer), timeline).get("key")
    assert timeline.found == {kind: 1}
    assert timeline.counts == {"get failed": 1}


async def test_no_answer_from_a_gateway_that_was_killed_meanwhile_is_none(timeline: Timeline) -> None:
    gateway = Gateway(NoAnswer("closed"))
    gateway.disturbed = True
    with pytest.raises(Unanswered):
        await door(gateway, timeline).get("key")
    assert not timeline.found
    assert timeline.counts == {"get cut off": 1}


async def test_a_condition_that_does_not_hold_is_none(timeline: Timeline) -> None:
    with pytest.raises(Refused):
        await door(Gateway(Response(412, b"", b"")), timeline).put("key", "", b"")
    assert not timeline.found


async def test_an_upload_may_be_refused_only_after_more_than_one_erasure(timeline: Timeline) -> None:
    def erase() -> None:
        with timeline.strike("erase", "p0"):
            pass

    def erase_twice() -> None:
        erase()
        erase()

    for meanwhile, found in ((erase_twice, 0), (erase, 1)):
        timeline.strikes.clear()
        with pytest.raises(Unanswered):
            await door(Gateway(UNAVAILABLE, meanwhile), timeline).put("key", "", b"")
        assert sum(timeline.found.values()) == found


async def test_a_large_content_is_sent_in_pieces(timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlast.testing.siege.door.UPLOAD_PAUSE_S_MAX", 0.0)
    sent: list[bytes] = []

    class Taking(Client):
        async def put(self, bucket: str, key: str, body: object, *_: object, **options: object) -> Response:
            assert options["length"] == SLOWLY_BYTES
            sent.extend([piece async for piece in body])  # type: ignore[attr-defined]  # it is sent slowly
            return Response(200, b"", b"")

    gateway = Gateway(UNAVAILABLE)
    gateway.client = Taking(UNAVAILABLE, lambda: None)
    await door(gateway, timeline).put("key", "", bytes(SLOWLY_BYTES))
    assert len(sent) == 2 and sum(map(len, sent)) == SLOWLY_BYTES
