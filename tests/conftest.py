"""The run's budget: all tests together may cost so much processor time and no more.

The whole run must end within 12 minutes on an idle machine with two cores. How long it takes depends on what
else the machine does; how much it computes depends far less on that. So what is counted is processor time, of
the tests and of the processes that they start, and a run that needs more than the budget fails. What takes
longer belongs into `make soak` (see the Makefile).
"""

import os
from collections import Counter
from collections.abc import Generator

import pytest

# Two cores for 12 minutes are 1440 s. Checks, downloads and processes that nobody waits for (emulators
# are killed, not reaped by the test that used them) need some of it.
budget_cpu_s = 1100.0
# So many files are named that cost most.
files_named = 8

_spent: Counter[str] = Counter()
_waited: Counter[str] = Counter()
_last_cpu_s = [sum(os.times()[:4])]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note in each report what was computed since the one before, here and by processes that have ended."""
    report = yield
    now = sum(os.times()[:4])
    report.cpu_s, _last_cpu_s[0] = now - _last_cpu_s[0], now  # type: ignore[attr-defined]
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add it up. With several processes all reports come here, to the first."""
    file = report.nodeid.partition("::")[0]
    _spent[file] += getattr(report, "cpu_s", 0.0)
    _waited[file] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if it cost more than the budget."""
    if _spent.total() > budget_cpu_s and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the run cost, and which files most of it."""
    terminalreporter.section("budget")
    terminalreporter.write_line(
        f"{_spent.total():.0f} s of processor time of at most {budget_cpu_s:.0f} s, "
        f"{_waited.total():.0f} s with what was waited for"
    )
    for file, seconds in _spent.most_common(files_named):
        terminalreporter.write_line(f"{seconds:7.1f} s computed {_waited[file]:7.1f} s in all  {file}")
    if _spent.total() > budget_cpu_s:
        terminalreporter.write_line("FAILED: over the budget", red=True)
