"""Puts one row more into the catalogue, as a module of collector/kvm would have it, before anything
reads it; then asks everything that lives on the catalogue what it makes of it."""

import sys
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

from app.model.guest import Capability, EventKind
from collector.codes import SAW_ENTER, CallCode, RecordCode
from collector.kvm import _tracepoints
from collector.kvm._row import (
    Call,
    KernelEvent,
    Letter,
    Line,
    Range,
    Recorded,
    Store,
    VmBy,
    one_of,
    parts,
)

Code = TypeVar("Code", bound=IntEnum)
NEW = 99
"""As a record and as a call; no other has it."""


def member(codes: type[Code]) -> Code:
    """One more member of an enumeration."""
    new = int.__new__(codes, NEW)
    new._name_, new._value_ = "MMIO", NEW
    codes._value2member_map_[NEW] = new
    codes._member_map_["MMIO"] = new
    return new


def add_row() -> None:
    row = KernelEvent(
        code=member(RecordCode),
        points=("kvm:kvm_mmio",),
        parts=parts("len", "gpa", "val"),
        lines=(Line("mmio ~ len # gpa % val %", (Store(0), Store(1), Store(2))),),
        filter=one_of("len", 4),
        recorded=Recorded.ALWAYS,
        calls=(
            Call(
                member(CallCode),
                EventKind.RMP_FAULT,
                address=0,
                aux=1,
                range=Range.ALWAYS,
                vm_by=VmBy.VCPU,
                copies=(1, 2),
                letters=(Letter("Z", "kvm_mmio", SAW_ENTER, 2, fields=("gpa", "val")),),
            ),
        ),
        gives=frozenset({Capability.PAGE_FAULTS}),
        without="what a guest writes to devices is not seen",
    )
    vars(_tracepoints)["MMIO"] = row


def report(trace: Path) -> None:
    # Only now: what derives from the catalogue does so when it is imported.
    from collector.kvm.catalogue import cost_of_absence, recorded
    from collector.recipes import bpftrace, perf, trace_cmd
    from collector.trace.bpftrace import SHAPES
    from collector.trace.ring_buffer import match_formats
    from tests.assemble.checks import imported
    from tests.trace.test_event_formats import made as event_format, u64s

    programs = {
        "trace-cmd": trace_cmd.SCRIPT,
        "perf": perf.SCRIPT,
        "bpftrace": bpftrace.recipe().text,
    }
    for tool, text in programs.items():
        is_in = "kvm:kvm_mmio" in text or "kvm/kvm_mmio" in text
        print(tool, "asks for it" if is_in else "does not ask for it")
    print("live, with the filter", recorded(Recorded.ALWAYS)["kvm/kvm_mmio"])
    print("without it:", cost_of_absence()["kvm:kvm_mmio"])
    (plan,) = match_formats([event_format("kvm:kvm_mmio", *u64s("len gpa val"))]).plans
    print("in a ring buffer it is record", plan.code)
    shape = SHAPES["Z"]
    print("of the bpftrace program, line Z is", shape.name)
    run = imported(trace)
    (vm,) = run.sink.named()
    for event in vm.events[vm.events["kind"] == EventKind.RMP_FAULT]:
        gfn, aux, vcpu = (int(event[name]) for name in ("gfn", "aux", "vcpu"))
        print(f"event: gfn {gfn:#x}, aux {aux:#x}, vCPU {vcpu}")
    print("the recording sees page faults:", run.sink.coverage["sees"]["page-faults"])


if __name__ == "__main__":
    add_row()
    report(Path(sys.argv[1]))
