"""What the store's owner does after a loss: `outlast repair`, until it reports that everything is restored.

Its success is the store's own statement that the next provider may be lost. A siege takes it at its word.
"""

import json
from typing import Any

from outlast.testing.installation import Ended
from outlast.testing.siege.dice import Dice
from outlast.testing.siege.system import BesiegedSystem

REPAIRED_S_MAX = 120.0
"""A store of a few hundred objects is repaired within this time, even while it is written to."""

WHOLE_S_MAX = 90.0
"""By then the gateways have noticed that a provider is back, and have restored what it missed."""

AGAIN_S_MIN, AGAIN_S_MAX = 1.0, 16.0
"""The pause before a repair that has not succeeded is run again, longer each time."""

KILLED_SHARE = 0.3
KILLED_AFTER_S = (0.3, 3.0)


async def repair(system: BesiegedSystem, dice: Dice) -> bool:
    """Repair until it succeeds; return whether it did. A failure is a finding."""
    arguments = ("repair", "--quick") if dice.chance(0.5) else ("repair",)
    deadline = system.clock.monotonic() + REPAIRED_S_MAX
    rest_s = AGAIN_S_MIN
    while True:
        if "kill-repair" in system.options.nemeses and dice.chance(KILLED_SHARE):
            await _begin_and_kill(system, arguments, dice.uniform(*KILLED_AFTER_S))
        began = system.timeline.now_s()
        ended = await system.attempt(*arguments)
        report = _report(ended)
        said = f"{' '.join(arguments)}: status {ended.status}; {_summary(report)} {ended.errors}".strip()
        system.timeline.event(said)
        if ended.status == 0:
            return True
        if report.get("unreadable"):
            system.timeline.find("repair finds lost data", said, began)
            system.timeline.hopeless = True
            return False
        if system.clock.monotonic() > deadline:
            system.timeline.find("repair does not succeed", f"not in {REPAIRED_S_MAX:.0f} s: {said}", began)
            system.timeline.hopeless = True
            return False
        await system.clock.sleep(rest_s)
        rest_s = min(2 * rest_s, AGAIN_S_MAX)


async def wait_whole(system: BesiegedSystem, dice: Dice) -> bool:
    """Wait until all gateways report all providers as healthy, and `status` reports nothing missing."""
    if not await system.wait_noticed(WHOLE_S_MAX):
        system.timeline.find("a gateway does not notice that all providers are back", _states(system))

    async def is_whole() -> bool:
        return not await missing(system)

    if await system.holds(is_whole, WHOLE_S_MAX):
        return True
    left = await missing(system)
    system.timeline.find("the gateways do not restore what is missing", f"not in {WHOLE_S_MAX:.0f} s: {left}")
    return await repair(system, dice)


async def missing(system: BesiegedSystem) -> str:
    """Return what `outlast status` reports as wrong with the store; "" if nothing."""
    ended = await system.attempt("status")
    if ended.status != 0:
        return ended.errors + ended.output
    status = json.loads(ended.output)
    wrong = [f"{one['name']} is {one['state']}" for one in status["providers"] if one["state"] != "healthy"]
    if status["extents_degraded"]:
        wrong.append(f"{status['extents_degraded']} extents are degraded")
    return ", ".join(wrong)


async def _begin_and_kill(system: BesiegedSystem, arguments: tuple[str, ...], after_s: float) -> None:
    with system.timeline.strike("kill-repair", how=f"after {after_s:.1f} s"):
        process = system.installation.start(*arguments)
        await system.clock.sleep(after_s)
        process.kill()
        process.communicate()


def _report(ended: Ended) -> dict[str, Any]:
    """Return a repair's report; empty if it ended before it had one."""
    try:
        report: dict[str, Any] = json.loads(ended.output)
    except ValueError:
        return {}
    return report


def _summary(report: dict[str, Any]) -> str:
    """Return the report's fields that are neither 0 nor empty."""
    return ", ".join(f"{name} {value}" for name, value in report.items() if value)


def _states(system: BesiegedSystem) -> str:
    return ", ".join(gateway.name for gateway in system.gateways)
