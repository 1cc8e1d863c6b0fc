"""What a collector counts of itself: what it read and lost, how far behind it is, what it costs."""

import os
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_UTIME, _STIME, _CUTIME, _CSTIME, _RSS = 13, 14, 15, 16, 23
"""Fields of /proc/PID/stat, from 0 (proc(5) counts from 1)."""


@dataclass(slots=True)
class Counters:
    """What the agent did so far. Kept in the recording's coverage as "collector"."""

    events: int = 0  # calls, as the source gave them
    kinds: dict[str, int] = field(default_factory=dict)  # events stored, by kind
    strange_pages: int = 0  # of the page cache, of no guest_memfd that is known: not stored
    bytes: int = 0  # read by the source
    batches: int = 0
    lost: int = 0
    losses: int = 0  # stretches
    lag_ns: int = 0  # how far what readers can see is behind what happens
    max_lag_ns: int = 0
    at_t: int = 0  # the recording's time when these were counted
    waited_s: float = 0.0  # the source waited so long, in all, for its batches to be stored
    max_wait_s: float = 0.0
    cpu_s: float = 0.0  # of this process and its children
    children_cpu_s: float = 0.0  # of bpftrace, for one
    max_rss_bytes: int = 0  # of this process, the most at once
    children_rss_bytes: int = 0  # the most that was seen
    database_bytes: int | None = None  # with its write-ahead log; None: not a file
    slept_s: float = 0.0  # the host was suspended
    duration_s: float = 0.0
    at_unix_ms: int = 0  # when these were counted


class Meter:
    """What this process and its living children use; CPU from when it was made."""

    def __init__(self, database: Path | None) -> None:
        self._database = database
        self._cpu_began = _cpu_s()
        self._began = time.monotonic()

    def measure(self, counters: Counters) -> None:
        children = [stat for pid in _children() if (stat := _stat(pid)) is not None]
        living = sum(sum(map(int, stat[_UTIME : _CSTIME + 1])) for stat in children)
        own_s, reaped_s = (now - then for now, then in zip(_cpu_s(), self._cpu_began, strict=True))
        counters.children_cpu_s = reaped_s + living / _TICKS_PER_S
        counters.cpu_s = own_s + counters.children_cpu_s
        counters.max_rss_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        beside = sum(int(stat[_RSS]) for stat in children) * _PAGE
        counters.children_rss_bytes = max(beside, counters.children_rss_bytes)
        counters.database_bytes = database_bytes(self._database)
        counters.duration_s = time.monotonic() - self._began
        counters.at_unix_ms = time.time_ns() // 10**6


def database_bytes(database: Path | None) -> int | None:
    if database is None:
        return None
    parts = (database, database.with_name(f"{database.name}-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def _cpu_s() -> tuple[float, float]:
    """(of this process, of its children that ended)."""
    times = os.times()
    return times.user + times.system, times.children_user + times.children_system


def _children() -> list[int]:
    """Empty where the kernel does not list them (CONFIG_PROC_CHILDREN)."""
    lists = Path("/proc/self/task").glob("*/children")
    return [int(pid) for one in lists for pid in one.read_text().split()]


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None  # it has ended
    # The command's name may hold spaces and parentheses.
    return ["", "", *text.rpartition(")")[2].split()]
