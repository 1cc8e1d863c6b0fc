"""Which tests run beside each other when several processes share the work (`pytest -n auto`).

A file stays whole, so that what its fixtures made is made once. What watches the whole machine
(tracing instances, probes, BPF programs, VMMs among its processes) is one unit: its tests would see
each other. The longest units start first, so that no process ends up waiting for the last one.
"""

import os
import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
MACHINE = "machine"
WATCHERS = ("need_kvm", "need_tracefs", "need_bpftrace", "holding_vmm")
WATCHES = re.compile(rf"\b({'|'.join(WATCHERS)})\b|Path\(\"/sys/kernel/tracing\"\)")
"""What a file of tests names that watch the whole machine, or are what others would watch."""
SHARE_A_FIXTURE = ("tests/figures", "tests/report", "tests/installed")
"""Rooms whose fixtures cost more than their tests."""
FIRST = (
    MACHINE,
    "tests/fuzz",
    "tests/installed",
    "tests/figures",
    "tests/pages",
    "tests/report",
    "tests/api",
    "tests/cli",
)
WAITING = 2
"""Processes beside those that keep each core busy: much of its time a test waits, for a program
that it started, for a page, for an instant."""
MOST_WORKERS = 8
"""More would wait for the machine's unit anyway, and each holds compiled loops and a browser."""


@cache
def unit_of_file(file: str) -> str:
    """What is handed to one process as a whole."""
    path = ROOT / file
    if path.is_file() and WATCHES.search(path.read_text()):
        return MACHINE
    return next((room for room in SHARE_A_FIXTURE if is_in(file, room)), file)


def unit_of(nodeid: str) -> str:
    return unit_of_file(nodeid.split("::")[0])


def is_in(file: str, place: str) -> bool:
    return PurePosixPath(file).is_relative_to(place)


def turn_of(unit: str) -> int:
    return next((i for i, place in enumerate(FIRST) if is_in(unit, place)), len(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: as many as may run at once."""
    return min(len(os.sched_getaffinity(0)) + WAITING, MOST_WORKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "LoadScopeScheduling":
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    config.option.loadscopereorder = False
    return Units(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn_of(unit_of(item.nodeid)))
