"""What holds for all tests: the examples, the memory that is given back, the budget of processor time.

The whole run is to end within 12 minutes on an idle machine with two cores. How long it takes depends on what
else the machine does; how much it computes depends far less on that. So what is counted is processor time, of
the tests and of the processes that they start, and a run that needs more than the budget fails. What takes
longer belongs into `make soak` and `make many` (see the Makefile).
"""

import ctypes
import gc
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# A run starts hundreds of Python processes. Where the environment forbids Python to keep what it has
# compiled, as in many containers, each of them compiles the whole program again: half of what a command
# costs.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The run looks at the same examples each time, however slow the machine is; HYPOTHESIS_PROFILE=soak looks for
# others.
settings.register_profile("run", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "run"))

# A run in the background may have been started with these ignored, and what it starts would ignore them, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Two cores for 12 minutes are 1440 s, of which the checks and processes that no test waits for need some:
# 1100 s is the goal. It is not reached yet: a whole run was measured at 1,767 s, in 18 min 28 s, on two cores
# that were shared with others.
budget_cpu_s = 1900.0
# So many files are named that cost most.
files_named = 60
# Garbage is given back to the system once a process has grown by that since the last time.
grown_bytes_max = 128 << 20

_spent: Counter[str] = Counter()
_waited: Counter[str] = Counter()
_last_cpu_s = [sum(os.times()[:4])]
_kept_bytes = [0]
_most_bytes = [0]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give each run a folder of its own. pytest's are cleaned up by whatever run ends next on the machine."""
    if config.option.basetemp is None:
        folder = Path(__file__).parents[1] / "build" / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        config.option.basetemp = folder / str(os.getpid())
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def pytest_collection_finish() -> None:
    """Have the collector pass over the modules and the tests: they are there to the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Give back what ended tests have left.

    Simulations run without the collector, bodies hang in cycles with the errors of their requests, and the C
    library keeps what is freed: without this a process grows to 2 GB and more, of which it uses 0.2.
    """
    if _resident_bytes() > _kept_bytes[0] + grown_bytes_max:
        gc.collect()
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
        if trim is not None:
            trim(0)
        _kept_bytes[0] = _resident_bytes()


def _resident_bytes() -> int:
    """The memory of this process; 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note in each report what was computed since the one before, here and by processes that have ended."""
    report = yield
    now = sum(os.times()[:4])
    report.cpu_s, _last_cpu_s[0] = now - _last_cpu_s[0], now  # type: ignore[attr-defined]
    report.resident_bytes = _resident_bytes()  # type: ignore[attr-defined]
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add it up. With several processes all reports come here, to the first."""
    file = report.nodeid.partition("::")[0]
    _spent[file] += getattr(report, "cpu_s", 0.0)
    _waited[file] += report.duration
    _most_bytes[0] = max(_most_bytes[0], getattr(report, "resident_bytes", 0))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if it cost more than the budget."""
    if _spent.total() > budget_cpu_s and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the run cost, and which files most of it."""
    terminalreporter.section("budget")
    terminalreporter.write_line(
        f"{_spent.total():.0f} s of processor time of at most {budget_cpu_s:.0f} s, "
        f"{_waited.total():.0f} s with what was waited for; "
        f"the largest test process had {_most_bytes[0] >> 20} MiB"
    )
    for file, seconds in _spent.most_common(files_named):
        terminalreporter.write_line(f"{seconds:7.1f} s computed {_waited[file]:7.1f} s in all  {file}")
    if _spent.total() > budget_cpu_s:
        terminalreporter.write_line("FAILED: over the budget", red=True)
