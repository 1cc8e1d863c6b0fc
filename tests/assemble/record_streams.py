"""RECORD streams to pair and assemble: taken from real recordings, thinned out, moved, mixed."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from collector.assemble import Assembler
from collector.assemble.identity import VmmOf
from collector.codes import RecordCode
from collector.coverage import describe_coverage
from collector.description import SourceDescription
from collector.importing import capabilities
from collector.pairing import SyscallTracker
from collector.records import RECORD, RecordArray
from collector.trace.tracedat import open_trace_dat
from tests.assemble.memory_sink import MemorySink

EVENT_PROBES = frozenset(
    {
        RecordCode.USER_SET_ATTRIBUTES,
        RecordCode.USER_REGION,
        RecordCode.USER_GUEST_MEMFD,
        RecordCode.FALLOCATE_ENTER,
        RecordCode.FALLOCATE_EXIT,
        RecordCode.IOCTL_EXIT,
    }
)
KPROBES = frozenset(
    {
        RecordCode.VM_IOCTL,
        RecordCode.VM_IOCTL_RETURN,
        RecordCode.POST_ATTRIBUTES,
        RecordCode.SET_MEMSLOT,
        RecordCode.SET_MEMSLOT_RETURN,
        RecordCode.GMEM_FALLOCATE,
        RecordCode.GMEM_FALLOCATE_RETURN,
        RecordCode.GMEM_CREATE,
        RecordCode.GMEM_CREATE_RETURN,
    }
)
GUEST_EVENTS = frozenset({RecordCode.HYPERCALL, RecordCode.USERSPACE_EXIT})


def records_of(path: Path) -> tuple[RecordArray, dict[int, str]]:
    """All records of a trace.dat, and the command names."""
    with open_trace_dat(path) as trace:
        return np.concatenate(list(trace.records())), trace.command_names


def only(records: RecordArray, codes: Iterable[RecordCode]) -> RecordArray:
    return records[np.isin(records["code"], list(codes))].copy()


def moved(records: RecordArray, *, by_ns: int, tids_by: int, kvm_by: int = 0) -> RecordArray:
    """The same workload at another time in another process."""
    other = records.copy()
    other["ts"] += np.uint64(by_ns)
    other["tid"] += tids_by
    has_pointer = np.isin(records["code"], [8, 10, 12, 15])
    other["v"][has_pointer, 0] += np.uint64(kvm_by)
    return other


def mixed(*streams: RecordArray) -> RecordArray:
    together = np.concatenate(streams)
    return together[np.argsort(together["ts"], kind="stable")]


def record(
    ts: int, tid: int, code: RecordCode, *v: int, cpu: int = 0, flags: int = 0
) -> RecordArray:
    row = np.zeros(1, dtype=RECORD)
    row["ts"], row["tid"], row["cpu"], row["code"], row["flags"] = ts, tid, cpu, code, flags
    row["v"][0, : len(v)] = [n & (2**64 - 1) for n in v]
    return row


def assembled(
    records: RecordArray,
    names: Mapping[int, str] | None = None,
    *,
    batch: int = 1 << 16,
    start_ns: int | None = None,
    vmm_of: VmmOf | None = None,
    thread_groups: Mapping[int, int] | None = None,
) -> MemorySink:
    """Everything from records to a recording, as TraceDatFile and the importer do it."""
    counts = np.bincount(records["code"], minlength=256)
    source = SourceDescription(
        format="trace.dat",
        clock="mono",
        clock_start_ns=int(records["ts"][0]) if start_ns is None else start_ns,
        host="",
        kernel_release=None,
        sees=capabilities(counts),
        command_names=dict(names or {}),
        thread_groups=dict(thread_groups or {}),
    )
    sink, pairing = MemorySink(), SyscallTracker()
    if counts[RecordCode.USERSPACE_EXIT]:
        pairing.expect_userspace_exits()
    assembler = Assembler(sink, source, vmm_of)
    for at in range(0, len(records), batch):
        assembler.add(pairing.add(records[at : at + batch]))
    assembler.add(pairing.finish())
    assembler.finish()
    sink.update_coverage(describe_coverage(source.sees))
    return sink
