"""`outlast doctor`: what is wrong, and what to do about it."""

from dataclasses import asdict

from outlast.assembly.diagnosis import diagnose
from outlast.assembly.state_dir import default_state_dir
from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.cli import FAILED
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json, print_line
from outlast.cli.session import run


def doctor(config: Config = DEFAULT_CONFIG, state_dir: StateDir = None, json: Json = False) -> None:
    """Look at the settings, the key, the clock and every provider; say what to do about each finding."""

    async def work() -> int:
        findings = await diagnose(config, state_dir or default_state_dir(), SystemClock(), SystemEntropy())
        if json:
            print_json([{**asdict(finding), "well": finding.well} for finding in findings])
        else:
            for finding in findings:
                print_line(f"{'ok  ' if finding.well else 'BAD '} {finding.check}: {finding.what}")
                if not finding.well:
                    print_line(f"       -> {finding.remedy}")
        return 0 if all(finding.well for finding in findings) else FAILED

    run(work(), json)
