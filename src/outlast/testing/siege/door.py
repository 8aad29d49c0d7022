"""A client's access to its gateway: it forwards requests, and judges how they end.

No request may fail because a provider is harmed. So each error is a finding, unless the gateway itself was
dead or stopped while the request was in flight.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from outlast.base.clock import Clock
from outlast.base.limits import KIB, MIB
from outlast.catalog.records import Condition
from outlast.testing.s3_client import Body
from outlast.testing.siege.dice import Dice
from outlast.testing.siege.gateway import BesiegedGateway
from outlast.testing.siege.timeline import Timeline
from outlast.testing.targets import Refused, Rejected, S3Target, Seen, Unanswered

T = TypeVar("T")

BUCKET = "bucket"

SLOWLY_BYTES = 16 * MIB + 300 * KIB
"""A content of this size is uploaded slowly. Its first extent is stored while the rest is not yet sent."""

FIRST_BYTES = 16 * MIB + 64 * KIB
UPLOAD_PAUSE_S_MAX = 25.0
"""Shorter than a gateway waits for a body, and long enough for an erasure and a repair."""

UP_S_MAX = 10.0
"""A client whose gateway is down for this long gives up for the moment."""


class Door:
    """A target (`outlast.testing.targets.Target`): the bucket behind one gateway, whatever its process."""

    def __init__(self, gateway: BesiegedGateway, timeline: Timeline, clock: Clock, dice: Dice) -> None:
        self.gateway = gateway
        self._timeline = timeline
        self._clock = clock
        self._dice = dice

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        return await self._pass("put", key, lambda bucket: bucket.put(key, label, content, condition))

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        verb = "get" if part is None else "range"
        return await self._pass(verb, key, lambda bucket: bucket.get(key, part))

    async def delete(self, key: str, condition: Condition | None = None) -> None:
        await self._pass("delete", key, lambda bucket: bucket.delete(key, condition))

    async def list(self, prefix: str) -> dict[str, str]:
        return await self._pass("list", prefix, lambda bucket: bucket.list(prefix))

    async def _pass(self, verb: str, key: str, ask: Callable[[S3Target], Awaitable[T]]) -> T:
        """Send a request, and count how it ended."""
        counts, name = self._timeline.counts, self.gateway.name
        await self._wait_up()
        began = self._timeline.now_s()
        try:
            answer = await ask(S3Target(self.gateway.client, BUCKET, self._upload))
        except Refused:
            counts[f"{verb} refused by its condition"] += 1
            raise
        except (Rejected, Unanswered) as error:
            if self.gateway.was_disturbed(began):
                counts[f"{verb} cut off"] += 1
            elif verb == "put" and self._timeline.strikes_since("erase", began) > 1:
                # Too many of its fragments are lost: the gateway says so, and the client may retry.
                counts["put outlived by erasures"] += 1
            else:
                counts[f"{verb} failed"] += 1
                took = self._timeline.now_s() - began
                self._timeline.find(_kind(error), f"{name} {verb} {key}, after {took:.1f} s: {error}", began)
            raise
        counts[f"{verb} done"] += 1
        return answer

    async def _wait_up(self) -> None:
        """Return once there is a process. Raises `Unanswered` if there is none for long."""
        deadline = self._clock.monotonic() + UP_S_MAX
        while not self.gateway.up.is_set():
            if self._clock.monotonic() > deadline:
                raise Unanswered("the gateway is down")
            await self._clock.sleep(0.05)

    def _upload(self, content: bytes) -> Body:
        return content if len(content) < SLOWLY_BYTES else self._slowly(content)

    async def _slowly(self, content: bytes) -> AsyncIterator[bytes]:
        self._timeline.counts["slow uploads"] += 1
        yield content[:FIRST_BYTES]
        await self._clock.sleep(self._dice.uniform(0, UPLOAD_PAUSE_S_MAX))
        yield content[FIRST_BYTES:]


def _kind(error: Rejected | Unanswered) -> str:
    """Return a failure's kind: its status, or that there was no answer."""
    status = str(error)[:3]
    return f"a request is answered {status}" if status.isdigit() else "a request is not answered"
