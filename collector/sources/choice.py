"""Which live source shows most on this host."""

import shutil
from dataclasses import dataclass

from collector.sources.bpftrace_live import BpftraceLive
from collector.sources.live import LiveSource, Wishes
from collector.sources.tracefs_live import TracefsLive

SOURCES = ("tracefs", "bpftrace")


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    reason: str


def choose() -> Choice:
    """bpftrace reads the user's structs on every kernel; without it there are only tracepoints."""
    if shutil.which("bpftrace") is not None:
        return Choice(
            "bpftrace", "it reads what memslots and conversions are asked for from user memory"
        )
    return Choice(
        "tracefs",
        "bpftrace is not installed; system calls and KVM events are seen, but not the contents of "
        "memslot calls",
    )


def open_source(name: str, wishes: Wishes) -> LiveSource:
    """Raises HostCannot."""
    return TracefsLive(wishes) if name == "tracefs" else BpftraceLive(wishes.pids)
