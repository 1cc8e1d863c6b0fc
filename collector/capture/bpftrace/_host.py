"""What the bpftrace program has to know of this host before it starts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.capture.inventory import kvm_fds
from collector.capture.live import HostCannot, LiveOptions
from collector.capture.memfd_device import memfd_device
from collector.kvm.catalogue import IOCTL_ENTER
from collector.recipes import FAULTS, Narrowing, Program, Watch, backing, live_program

TRACEFS = Path("/sys/kernel/tracing")
_BTF = Path("/sys/kernel/btf/vmlinux")
_PROC = Path("/proc")
_ONLINE = Path("/sys/devices/system/cpu/online")
_MOST_FILES = 100
"""Hundreds would take bpftrace a minute. The rest is learnt when it runs; the end of its process
closes it."""
_FIELD = re.compile(r"field:[^;]*?(\w+)(?:\[\w*\])?;")


@dataclass(frozen=True, slots=True)
class HostProgram:
    """A program for this host, with what it took for granted."""

    program: Program
    notes: tuple[str, ...]


def host_program(options: LiveOptions) -> HostProgram:
    """Raises HostCannot."""
    further: list[Watch] = list(FAULTS) if options.faults else []
    notes: list[str] = []
    if options.backing:
        device = memfd_device()
        if device is None:
            notes.append("KVM makes no guest_memfd here, so their page cache was not recorded.")
        else:
            further.append(backing(device))
    if fields_of(IOCTL_ENTER.points[0]) is None:
        raise HostCannot("this kernel has no tracepoints of system calls (CONFIG_FTRACE_SYSCALLS)")
    files = _open_files()
    vmms = tuple(sorted({pid for pid, _ in files}))
    narrowing = Narrowing(options.pids, vmms[:_MOST_FILES], files[:_MOST_FILES])
    knows_types = _BTF.exists()
    program = live_program(fields_of, narrowing, knows_types=knows_types, further=further)
    return HostProgram(program, tuple(notes))


def fields_of(point: str) -> frozenset[str] | None:
    """What a tracepoint ("system:name") carries; None if this kernel does not have it."""
    system, name = point.split(":")
    try:
        text = (TRACEFS / "events" / system / name / "format").read_text()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostCannot(f"{TRACEFS} cannot be read: {error.strerror}") from error
    return frozenset(_FIELD.findall(text))


def online_cpus() -> list[int]:
    cpus: list[int] = []
    for part in _ONLINE.read_text().strip().split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def _open_files() -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for pid in _processes():
        try:
            fds = kvm_fds(pid)
        except PermissionError:
            continue
        found += [(pid, fd) for fd in (*fds.vms, *fds.memfds)]
    return tuple(found)


def _processes() -> Sequence[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()]
