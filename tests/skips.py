"""In CI, a skipped test is a failed test, unless hardware is missing."""

import os
from collections.abc import Generator

import pytest

HARDWARE = "hardware:"


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure under CI=true, so that nothing stops being tested unnoticed.

    A reason that starts with "hardware:" is kept: no package can install a CPU feature.
    """
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(HARDWARE):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {reason} (only '{HARDWARE} ...' may be skipped there)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report
