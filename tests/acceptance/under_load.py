"""Clients that work while something happens, and what is asked of a store afterwards."""

from dataclasses import dataclass

from scene import CLOCK, Scene, judge

from outlast.testing.workload import Load, LoadReport


@dataclass
class Moments:
    """When a failure began, when it was over, and when everything was repaired."""

    calm: float
    failing: float
    healed: float
    mended: float

    def tell(self, name: str, report: LoadReport) -> None:
        spans = {
            "before": (self.calm, self.failing),
            "during": (self.failing, self.healed),
            "repair": (self.healed, self.mended),
            "after": (self.mended, CLOCK.monotonic()),
        }
        for when, (begin, end) in spans.items():
            get, put = (1000 * report.percentile_s(0.99, verb, begin, end) for verb in ("get", "put"))
            print(f"{name:12} {when:8} p99 get {get:6.0f} ms, put {put:6.0f} ms")


async def nothing_is_lost(scene: Scene, load: Load) -> None:
    """Every acknowledged write is there, through the same gateway and from another machine."""
    failed = len(load.report.failures)
    await load.read_all(load.targets[0])
    await load.read_all(await scene.target(await scene.serve_elsewhere()))
    judge(load, failures=failed)
