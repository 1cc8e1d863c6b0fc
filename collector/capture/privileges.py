"""Capabilities of this process: what is missing, and giving up what is needed no more.

Linux keeps capabilities per thread (capabilities(7)), and a new thread has its creator's. So
`drop` belongs before any thread begins that must not keep them; it names those that did.
"""

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.code_home import home_of_code

CAPABILITIES = {
    "CAP_DAC_OVERRIDE": 1,
    "CAP_DAC_READ_SEARCH": 2,
    "CAP_IPC_LOCK": 14,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}
"""Those that matter here (include/uapi/linux/capability.h)."""

TRACEFS = Path("/sys/kernel/tracing")

_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: two words of 32 capabilities each
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Privileges:
    """What is left after dropping. `notes` are sentences for people."""

    is_dropped: bool
    kept: tuple[str, ...]
    notes: tuple[str, ...] = ()


def effective_capabilities() -> tuple[str, ...]:
    """Of the calling thread, of those that matter here."""
    return names_of(capability_mask(Path("/proc/thread-self/status")))


def capability_mask(status: Path, field: str = "CapEff") -> int:
    """A mask of a /proc/PID/status or /proc/PID/task/TID/status."""
    for line in status.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1], 16)
    return 0


def names_of(mask: int) -> tuple[str, ...]:
    return tuple(name for name, bit in CAPABILITIES.items() if mask >> bit & 1)


def drop(keep: Iterable[str]) -> Privileges:
    """Keep only these of the capabilities, for good: no program that is run gets any back.

    Where that cannot be done, goes on as before and reports it.
    """
    wanted = sum(1 << CAPABILITIES[name] for name in keep)
    before = capability_mask(Path("/proc/thread-self/status"))
    try:
        _empty_bounding_set(wanted)
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _set_capabilities(wanted & before)
    except OSError as error:
        kept = names_of(capability_mask(Path("/proc/thread-self/status")))
        return Privileges(False, kept, (f"privileges could not be dropped: {error.strerror}",))
    kept = names_of(wanted & before)
    others = threads_beyond(wanted & before)
    notes = (f"threads that keep all privileges, for they began earlier: {len(others)}",)
    return Privileges(not others, kept, notes if others else ())


def threads_beyond(mask: int) -> list[int]:
    """Threads of this process that have other capabilities than these."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        try:
            if capability_mask(task / "status", "CapPrm") & ~mask:
                found.append(int(task.name))
        except OSError:
            continue  # it has ended
    return found


def _empty_bounding_set(wanted: int) -> None:
    """So that a program that uid 0 runs gains nothing. Only who has CAP_SETPCAP can; others gain
    nothing anyway, by PR_SET_NO_NEW_PRIVS."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for bit in range(last + 1):
        if not wanted >> bit & 1:
            try:
                _prctl(_PR_CAPBSET_DROP, bit)
            except PermissionError:
                return


def _prctl(option: int, argument: int) -> None:
    zero = ctypes.c_ulong(0)
    if _LIBC.prctl(option, ctypes.c_ulong(argument), zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _set_capabilities(mask: int) -> None:
    """Effective and permitted become `mask`, nothing is inheritable."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0))
    low, high = mask & 0xFFFFFFFF, mask >> 32
    sets = ctypes.create_string_buffer(struct.pack("=6I", low, low, 0, high, high, 0))
    if _LIBC.capset(header, sets) != 0:
        number = ctypes.get_errno() or errno.EPERM
        raise OSError(number, os.strerror(number))


def missing_for(source: str, tracefs: Path = TRACEFS) -> tuple[str, ...]:
    """What this process lacks to record by a source ("tracefs" or "bpftrace")."""
    has = set(effective_capabilities())
    if source == "tracefs":
        # A tracing instance is a folder to make, and files of root's to write.
        may_write = os.access(tracefs / "instances", os.W_OK | os.X_OK, effective_ids=True)
        needed = set() if may_write else {"CAP_DAC_OVERRIDE"}
    else:
        # CAP_BPF and CAP_PERFMON are part of CAP_SYS_ADMIN, which bpftrace needs besides to list
        # the kernel's types (BPF_BTF_GET_NEXT_ID, kernel/bpf/syscall.c).
        needed = {"CAP_SYS_ADMIN"}
        if resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] != resource.RLIM_INFINITY:
            needed |= {"CAP_IPC_LOCK"}  # for its buffers (perf_mmap, kernel/events/core.c)
        if not os.access(tracefs / "events", os.R_OK | os.X_OK, effective_ids=True):
            needed |= {"CAP_DAC_READ_SEARCH"}
    return tuple(sorted(needed - has))


def needed_to_go_on(source: str, database: Path | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(capabilities that recording needs once it has begun, notes on those beyond the usual)."""
    # VMs of later processes, which may be other users', are named from /proc.
    keep = ["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"]
    others = []
    if database is not None and not may_write_as_owner(database):
        others.append(database.parent)  # SQLite opens its log and its index as it needs them
    if not _permits(compiled_code(), 0o3):
        others.append(compiled_code())  # a hot loop may be compiled later
    notes = tuple(
        f"CAP_DAC_OVERRIDE was kept, because {path} or a file in it belongs to another user"
        for path in others
    )
    if others:
        keep.append("CAP_DAC_OVERRIDE")
    elif source == "tracefs" and os.geteuid() != 0:
        keep.append("CAP_DAC_OVERRIDE")  # the instance is root's, and to be removed at the end
    return tuple(keep), notes


def compiled_code() -> Path:
    """The folder in which app.compiled keeps its code, or will make one."""
    folder = home_of_code()
    while not folder.exists():
        folder = folder.parent
    return folder


def may_write_as_owner(database: Path) -> bool:
    """May files be made beside it, and those that are there be written, without any capability?"""
    beside = [database.with_name(database.name + end) for end in ("", "-wal", "-shm", ".lock")]
    return _permits(database.parent, 0o3) and all(
        _permits(path, 0o6) for path in beside if path.exists()
    )


def _permits(path: Path, wanted: int) -> bool:
    """What the mode of a file grants this process by user, group or others."""
    status = path.stat()
    if status.st_uid == os.geteuid():
        granted = status.st_mode >> 6
    elif status.st_gid in {os.getegid(), *os.getgroups()}:
        granted = status.st_mode >> 3
    else:
        granted = status.st_mode
    return granted & wanted == wanted
