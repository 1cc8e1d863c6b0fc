"""The events of the kernel that concern guest memory: one row each, from which the rest follows.

A row names which tracepoint or probe it is and which of its fields matter, how text traces print
it, what the kernel may filter out, the record, the call and the kind of event that it becomes, what
a recording with it can answer, and what its absence costs. Recognition
(collector.trace.ring_buffer), text patterns (collector.trace.text), recipes, live filters, coverage
and doctor take it from here. The patterns are the TP_printk of arch/x86/kvm/trace.h and
include/trace/events/{kvm,task,sched,filemap}.h, and what kernel/trace/trace_syscalls.c prints of
system calls.

QEMU's trace events have no rows: no kernel records them, so a row would be empty but for its text,
and their calls are found by rules of their own (collector.trace.qemu).
"""

import os
from collections.abc import Mapping
from typing import Final

from app.model.guest import Capability
from collector.codes import CallCode, RecordCode
from collector.kvm import _probes, _system_calls, _tasks, _tracepoints, uapi
from collector.kvm._costs import COST_OF_MISSING
from collector.kvm._probes import ALIASES, VM_IOCTL
from collector.kvm._row import (
    NOT_THERE,
    Call,
    Filter,
    KernelEvent,
    Letter,
    Line,
    Part,
    Probe,
    Range,
    Recorded,
    Shape,
    Store,
    VmBy,
    constant,
    one_of,
)
from collector.kvm._system_calls import (
    CLOSE_ENTER,
    CLOSE_EXIT,
    CLOSE_RANGE_ENTER,
    CLOSE_RANGE_EXIT,
    DUP2_ENTER,
    DUP_ENTER,
    DUP_EXIT,
    FALLOCATE_ENTER,
    FALLOCATE_EXIT,
    FCNTL_ENTER,
    FCNTL_EXIT,
    IOCTL_ENTER,
    IOCTL_EXIT,
    IOCTLS,
)
from collector.kvm._tasks import (
    PAGE_CACHE_ADD,
    PAGE_CACHE_DELETE,
    PROCESS_EXEC,
    PROCESS_EXIT,
)
from collector.kvm._tracepoints import (
    HYPERCALL,
    PAGE_FAULT,
    PHASE_PORTS,
    PIO,
    RMP_FAULT,
    UNMAP_HVA_RANGE,
    USERSPACE_EXIT,
    MarkShift,
)

__all__ = [
    "ALIASES",
    "CLOSE_ENTER",
    "CLOSE_EXIT",
    "CLOSE_RANGE_ENTER",
    "CLOSE_RANGE_EXIT",
    "COST_OF_MISSING",
    "DUP2_ENTER",
    "DUP_ENTER",
    "DUP_EXIT",
    "EVENTS",
    "EVENT_PROBES",
    "FALLOCATE_ENTER",
    "FALLOCATE_EXIT",
    "FCNTL_ENTER",
    "FCNTL_EXIT",
    "FORK",
    "HYPERCALL",
    "IOCTLS",
    "IOCTL_ENTER",
    "IOCTL_EXIT",
    "NOT_THERE",
    "PAGE_CACHE_ADD",
    "PAGE_CACHE_DELETE",
    "PAGE_FAULT",
    "PHASE_PORTS",
    "PIO",
    "PROCESS_EXEC",
    "PROCESS_EXIT",
    "RMP_FAULT",
    "UNMAP_HVA_RANGE",
    "USERSPACE_EXIT",
    "VM_IOCTL",
    "Call",
    "Filter",
    "KernelEvent",
    "Letter",
    "Line",
    "MarkShift",
    "Part",
    "Probe",
    "Range",
    "Recorded",
    "Shape",
    "Store",
    "VmBy",
    "calls",
    "codes_giving",
    "constant",
    "cost_of_absence",
    "essential",
    "of_conversions",
    "of_device",
    "recorded",
]

EVENTS: Final = tuple(
    dict.fromkeys(
        row
        for rows in (_system_calls, _tracepoints, _tasks, _probes)
        for row in vars(rows).values()
        if isinstance(row, KernelEvent)
    )
)
"""All of them, in the order in which recipes ask for them and shapes are tried: a row enters by
standing in one of these modules."""

_LOOKED_FOR: Final[Mapping[str, str]] = {
    "kvm:kvm_vmgexit_enter": "page-state changes of SEV-SNP guests are not seen by themselves",
    "kvm:kvm_vmgexit_msr_protocol_enter": (
        "early page-state changes of SEV-SNP guests are not seen"
    ),
    "kvmmmu:kvm_tdp_mmu_spte_changed": "which mappings KVM made or took away is not seen",
}
"""Tracepoints that doctor looks for and nothing reads yet; and what their absence costs."""
FORK: Final = "sched:sched_process_fork"
"""By which a bpftrace program follows the children of the processes that it was given."""


EVENT_PROBES: Final = tuple(
    probe for event in EVENTS if event.has_event_probe for probe in event.probes
)


def recorded(*ways: Recorded) -> dict[str, str | None]:
    """ "system/event" -> the filter, of the tracepoints that are recorded in one of these ways."""
    return {
        point.replace(":", "/"): None if event.filter is None else event.filter.text()
        for event in EVENTS
        if event.recorded in ways
        for point in event.points
    }


def of_device(device: int) -> Filter:
    """Of events of the page cache: those of the files of one device, as stat(2) names it."""
    return one_of("s_dev", os.major(device) << 20 | os.minor(device))


def of_conversions() -> Filter:
    """Of `IOCTL_ENTER`: what asks for a conversion, and nothing else."""
    asks = uapi.KVM_SET_MEMORY_ATTRIBUTES, uapi.KVM_SET_MEMORY_ATTRIBUTES2
    return one_of("cmd", *asks, base="x")


def calls() -> dict[CallCode, Call]:
    return {call.code: call for event in EVENTS for call in event.calls}


def codes_giving(capability: Capability) -> frozenset[RecordCode]:
    """A recording that has one of these records can answer it."""
    given = {event.code for event in EVENTS if capability in event.gives}
    returns = {
        event.returns
        for event in EVENTS
        if capability in event.return_gives and event.returns is not None
    }
    return frozenset(given | returns)


def cost_of_absence() -> dict[str, str]:
    """Tracepoint -> what it costs that a kernel does not have it, where that is worth a word."""
    costs = {event.points[0]: event.without for event in EVENTS if event.points and event.without}
    return costs | dict(_LOOKED_FOR)


def essential() -> frozenset[str]:
    return frozenset(event.points[0] for event in EVENTS if event.is_essential)
