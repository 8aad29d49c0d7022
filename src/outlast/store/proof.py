"""Proof that a fragment is where it was put, at a provider that does not check its marker itself.

The marker alone proves that the place was ours *after* the put. Another place that stood in for it during
the put (an old server behind the name, a snapshot that was mounted for a moment) took the fragment with it
when it left. So the fragment is checked as well: this proves that our place has it.

The order of the two checks decides what may go wrong meanwhile. `prove` reads the marker first: a stand-in
that took the put has left by then, so the fragment is looked up at our place. A second stand-in would have
to be the first one again. `prove_at_once` does both at the same time, for callers that wait for the answer:
it is deceived only by a stand-in that leaves between the arrivals of two requests that were sent together.

Where the provider attests, a put that returned needs no proof.
"""

import asyncio

from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import Cause, Unavailable
from outlast.base.marks import reached
from outlast.providers.wrap.guard import Guard


async def prove(guard: Guard, key: str, size: int, since: float | None = None) -> None:
    """Verify that the fragment of `size` bytes that was put by `since` (now, if None) is there.

    Raises `NotFound` and other `ProviderError`s if it cannot be verified.
    """
    if not guard.attests:
        await guard.attest(since)
        await _measure(guard, key, size)


async def prove_at_once(guard: Guard, key: str, size: int, since: float) -> None:
    """Like `prove`, in one round trip instead of two."""
    if not guard.attests:
        looks = [
            asyncio.ensure_future(guard.attest(since)),
            asyncio.ensure_future(_measure(guard, key, size)),
        ]
        try:
            await asyncio.gather(*looks)
        finally:
            await cancel_and_wait(looks)


async def prove_content(guard: Guard, key: str, content: bytes) -> None:
    """Like `prove`, where something else of the same size may be there: reads back the whole fragment."""
    if not guard.attests:
        await guard.attest()
        if await guard.get(key) != content:
            raise _other(guard, "get", "it holds a fragment other than the one that was written")


async def _measure(guard: Guard, key: str, size: int) -> None:
    stat = await guard.head(key)
    if stat.size != size:
        raise _other(guard, "head", f"it holds {stat.size} bytes of a fragment of {size}")


def _other(guard: Guard, verb: str, what: str) -> Unavailable:
    reached("proof: a fragment was not what was put")
    return Unavailable(guard.name, verb, what, Cause.CORRUPT)
