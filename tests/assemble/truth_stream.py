"""A truth file (X.jsonl of convwork) as the records of it that event probes would have made."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from collector.codes import HAS_GMEM, RecordCode
from collector.kvm import uapi
from collector.records import RecordArray
from tests.assemble.record_streams import record

_CMD = {
    "create_vm": uapi.KVM_CREATE_VM,
    "create_vcpu": uapi.KVM_CREATE_VCPU,
    "create_guest_memfd": uapi.KVM_CREATE_GUEST_MEMFD,
    "set_user_memory_region": uapi.KVM_SET_USER_MEMORY_REGION,
    "set_user_memory_region2": uapi.KVM_SET_USER_MEMORY_REGION2,
    "set_memory_attributes": uapi.KVM_SET_MEMORY_ATTRIBUTES,
}
_EXITS = {
    "exit_hypercall": uapi.KVM_EXIT_HYPERCALL,
    "exit_memory_fault": uapi.KVM_EXIT_MEMORY_FAULT,
    "exit_hlt": uapi.KVM_EXIT_HLT,
}
_EFAULT = 14


def processes_of(paths: list[Path]) -> dict[int, int]:
    """By thread."""
    calls = (json.loads(line) for path in paths for line in path.read_text().splitlines())
    return {call["tid"]: call["pid"] for call in calls}


def truth_records(paths: list[Path], seed: int, cpus: int = 2) -> RecordArray:
    """All processes together; each thread moves between the CPUs now and then."""
    choose, place = random.Random(seed), dict[int, int]()
    rows: list[RecordArray] = []
    for path in paths:
        for line in path.read_text().splitlines():
            call = json.loads(line)
            if call["tid"] not in place:
                place[call["tid"]] = choose.randrange(cpus)
                if call["tid"] != call["pid"]:
                    new = (RecordCode.NEW_TASK, call["tid"], uapi.CLONE_THREAD)
                    rows.append(record(call["t0_ns"] - 9, call["pid"], *new))
            for one in _records_of(call):
                if choose.random() < 0.05:
                    place[call["tid"]] = choose.randrange(cpus)
                one["cpu"] = place[call["tid"]]
                rows.append(one)
    together = np.concatenate(rows)
    return together[np.argsort(together["ts"], kind="stable")]


def _records_of(call: dict[str, Any]) -> Iterator[RecordArray]:
    op, t0, t1, tid, fd = (call[name] for name in ("op", "t0_ns", "t1_ns", "tid", "fd"))
    result = -call["errno"] if call["errno"] else call["ret"]
    if op in _EXITS:
        yield from _exit(call, op)
    elif op == "close":
        yield record(t0, tid, RecordCode.CLOSE_ENTER, fd)
        yield record(t1, tid, RecordCode.CLOSE_EXIT, result)
    elif op == "fallocate":
        values = (fd, call["mode"], call["offset"], call["len"])
        yield record(t0, tid, RecordCode.FALLOCATE_ENTER, *values)
        yield record(t1, tid, RecordCode.FALLOCATE_EXIT, result)
    elif op in _CMD:
        argument = call.get("type", call.get("vcpu_id", 0))
        yield record(t0, tid, RecordCode.IOCTL_ENTER, fd, _CMD[op], argument)
        yield from _struct(call, op)
        yield record(max(t1, t0 + 1), tid, RecordCode.IOCTL_EXIT, result)


def _struct(call: dict[str, Any], op: str) -> Iterator[RecordArray]:
    t0, tid, fd = call["t0_ns"], call["tid"], call["fd"]
    if op == "set_memory_attributes":
        struct = (call["gpa"], call["size"], call["attributes"], call["flags"])
        yield record(t0, tid, RecordCode.USER_SET_ATTRIBUTES, fd, *struct, _CMD[op])
    elif op == "create_guest_memfd":
        yield record(t0, tid, RecordCode.USER_GUEST_MEMFD, fd, call["size"], call["flags"])
    elif op.startswith("set_user_memory_region"):
        slot = call["slot"] | call["flags"] << 32
        has_gmem = op.endswith("2")
        file = (call["gmem_offset"], call["gmem_fd"]) if has_gmem else ()
        values = (fd, slot, call["gpa"], call["size"], call["hva"], *file)
        flags = HAS_GMEM if has_gmem else 0
        yield record(t0, tid, RecordCode.USER_REGION, *values, flags=flags)


def _exit(call: dict[str, Any], op: str) -> Iterator[RecordArray]:
    """The guest's way out of KVM_RUN, which is over before the VMM writes it down."""
    t, tid = call["t0_ns"], call["tid"]
    if op == "exit_hypercall":
        values = (12, call["gpa"], call["npages"], call["attrs"], 0)
        yield record(t - 3, tid, RecordCode.HYPERCALL, *values)
    errno = -_EFAULT if op == "exit_memory_fault" else 0
    yield record(t - 2, tid, RecordCode.USERSPACE_EXIT, _EXITS[op], errno)
    yield record(t - 1, tid, RecordCode.IOCTL_EXIT, errno)
