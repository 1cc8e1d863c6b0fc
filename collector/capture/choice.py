"""Which live source shows most on this host."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from collector.capture.bpftrace import BpftraceLive
from collector.capture.live import LiveOptions, LiveSource
from collector.capture.tracefs import TRACEFS, TracefsLive, tried
from collector.kvm.catalogue import IOCTL_ENTER

SOURCES = ("tracefs", "bpftrace")
BPFTRACE_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    reason: str


def choose(root: Path = TRACEFS, command: str = "bpftrace") -> Choice:
    """Probes of tracefs cost least and lose least; where there are none, bpftrace reads structs."""
    probes = tried(root)
    if probes.are_event_probes:
        return Choice("tracefs", "the kernel's event probes read what ioctls are asked for")
    why_none = f"the kernel takes no event probes ({probes.reasons})"
    if probes.added:
        return Choice("tracefs", f"{why_none}, but a kprobe reads what VMs are asked for")
    problem = bpftrace_problem(command)
    if problem is None:
        return Choice("bpftrace", f"{why_none} and no kprobes; bpftrace reads the structs instead")
    return Choice(
        "tracefs",
        f"{why_none} and no kprobes, and {problem}: system calls and KVM events are seen, but not "
        "the contents of memslot calls",
    )


def bpftrace_problem(command: str = "bpftrace") -> str | None:
    """Why bpftrace cannot be used, by trying: it may be installed where BPF is forbidden."""
    if shutil.which(command) is None:
        return "bpftrace is not installed"
    program = f"tracepoint:{IOCTL_ENTER.points[0]} {{ exit(); }} BEGIN {{ exit(); }}"
    try:
        ran = subprocess.run(
            [command, "-e", program], capture_output=True, text=True, timeout=BPFTRACE_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bpftrace does not run ({error})"
    if ran.returncode == 0:
        return None
    words = " / ".join(ran.stderr.strip().splitlines()[-2:])
    return f"bpftrace does not run ({words or f'status {ran.returncode}'})"


def open_source(name: str, options: LiveOptions) -> LiveSource:
    """Raises HostCannot."""
    return TracefsLive(options) if name == "tracefs" else BpftraceLive(options)
