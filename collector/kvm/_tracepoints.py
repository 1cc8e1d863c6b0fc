"""KVM's own tracepoints."""

from enum import IntEnum
from errno import EFAULT
from typing import Final

from app.model.guest import Capability as Can, EventKind as Kind
from collector.codes import SAW_ENTER, CallCode, RecordCode
from collector.kvm import uapi
from collector.kvm._ioctls import SET_ATTRIBUTES_CALL
from collector.kvm._row import (
    CALL,
    Call,
    Filter,
    KernelEvent,
    Letter,
    Line,
    Part,
    Range,
    Recorded,
    Shape,
    Store,
    Test,
    VmBy,
    constant,
    one_of,
    parts,
)

SET_ATTRIBUTES = KernelEvent(
    code=RecordCode.SET_ATTRIBUTES,
    # Linux commit 741e595f02fe (in v6.17), and a name proposed for the same.
    points=("kvm:kvm_vm_set_mem_attributes", "kvm:kvm_set_vm_mem_attributes"),
    shapes=(
        Shape(parts("start", "end", "attr")),
        # Out of tree, AMD's development kernels: a count of gfns instead of the end.
        Shape((Part(0, "start"), Part(1, "start"), Part(1, "cnt"), Part(2, "attributes"))),
    ),
    lines=(Line("% -- % [%]"),),
    recorded=Recorded.ALWAYS,
    calls=(SET_ATTRIBUTES_CALL,),
    gives=frozenset({Can.CONVERSIONS, Can.CONVERSION_RANGES}),
    without=(
        "the range of a conversion comes from an event probe or bpftrace; by neither, from what "
        "the guest asked for, or it is unknown"
    ),
)
_NO_REASON = (1 << 32) - 1
_FAULT = uapi.KVM_EXIT_MEMORY_FAULT
USERSPACE_EXIT = KernelEvent(
    code=RecordCode.USERSPACE_EXIT,
    points=("kvm:kvm_userspace_exit",),
    parts=parts("reason", "errno"),
    lines=(
        # The kernel prints an error or a reason, never both. KVM_RUN fails with EFAULT when it
        # exits with KVM_EXIT_MEMORY_FAULT (Documentation/virt/kvm/api.rst, 6.20); perf and
        # trace-cmd take the error for unsigned and print the reason.
        Line(f"reason error ({EFAULT})", constants=(constant(0, _FAULT), constant(1, -EFAULT))),
        *(
            Line(f"reason {word} (#)", (Store(1, factor=-1),), (constant(0, _NO_REASON),))
            for word in ("error", "restart")
        ),
        Line(
            f"reason {_FAULT:#x} ({_FAULT})",
            constants=(constant(0, _FAULT), constant(1, -EFAULT)),
        ),
        Line("reason ~ (#)"),
    ),
    filter=one_of("reason", uapi.KVM_EXIT_HYPERCALL, uapi.KVM_EXIT_MEMORY_FAULT),
    recorded=Recorded.ALWAYS,
    calls=(
        Call(
            CallCode.MEMORY_FAULT,
            Kind.MEMORY_FAULT,
            address=0,
            size=1,
            aux=2,
            range=Range.BY_STRUCT,
            vm_by=VmBy.VCPU,
            letters=(Letter("X", "kvm_userspace_exit", SAW_ENTER),),
        ),
    ),
    gives=frozenset({Can.CAUSES}),
    without="whether the guest or the VMM wanted a conversion is not known",
)
HYPERCALL = KernelEvent(
    code=RecordCode.HYPERCALL,
    points=("kvm:kvm_hypercall",),
    parts=parts("nr", "a0", "a1", "a2", "a3"),
    lines=(Line("nr % a0 % a1 % a2 % a3 %"),),
    filter=one_of("nr", uapi.KVM_HC_MAP_GPA_RANGE),
    recorded=Recorded.ALWAYS,
    calls=(
        Call(
            CallCode.HYPERCALL,
            Kind.HYPERCALL,
            address=0,
            aux=2,
            range=Range.ALWAYS,
            vm_by=VmBy.VCPU,
            letters=(Letter("H", "kvm_hypercall", SAW_ENTER, 3, fields=("a0", "a1", "a2")),),
        ),
    ),
    gives=frozenset({Can.HYPERCALLS, Can.REQUESTED_RANGES}),
    without="what a guest asks for by KVM_HC_MAP_GPA_RANGE is not seen",
)
PAGE_FAULT = KernelEvent(
    code=RecordCode.PAGE_FAULT,
    points=("kvm:kvm_page_fault",),
    parts=(
        Part(0, "vcpu_id", default=-1),
        *parts("guest_rip", "fault_address", "error_code", first=1),
    ),
    lines=(
        Line("vcpu # rip % address % error_code %"),
        # Kernels before 6.1 name no vCPU.
        Line("address % error_code %", (Store(2), Store(3)), (constant(0, -1),)),
    ),
    recorded=Recorded.FAULTS,
    calls=(
        Call(
            CallCode.PAGE_FAULT,
            Kind.PAGE_FAULT,
            address=0,
            aux=1,
            range=Range.ALWAYS,
            vm_by=VmBy.VCPU,
            copies=(2, 3),
            vcpu=0,
            letters=(
                Letter(
                    "G",
                    "kvm_page_fault",
                    SAW_ENTER,
                    3,
                    fields=("fault_address", "error_code", "vcpu_id"),
                    has_vcpu=True,
                ),
            ),
        ),
    ),
    gives=frozenset({Can.PAGE_FAULTS, Can.VCPU_THREADS}),
    without="guest faults are not seen, so no storm of private faults",
)
UNMAP_HVA_RANGE = KernelEvent(
    code=RecordCode.UNMAP_HVA_RANGE,
    points=("kvm:kvm_unmap_hva_range",),
    parts=parts("start", "end"),
    lines=(Line("mmu notifier unmap range: % -- %"),),
    recorded=Recorded.FAULTS,
    calls=(
        Call(
            CallCode.UNMAP,
            Kind.UNMAP,
            aux=0,
            copies=(0, 1),
            letters=(Letter("J", "kvm_unmap_hva_range", CALL, 2, fields=("start", "end")),),
        ),
    ),
    gives=frozenset({Can.UNMAPS}),
    without="when the host took shared pages away is not seen",
)
RMP_FAULT = KernelEvent(
    code=RecordCode.RMP_FAULT,
    points=("kvm:kvm_rmp_fault",),
    parts=parts("vcpu_id", "gpa", "pfn", "error_code", "rmp_level", "psmash_ret"),
    lines=(Line("vcpu # gpa % pfn % error_code % rmp_level # psmash_ret #"),),
    recorded=Recorded.ALWAYS,
    calls=(
        Call(
            CallCode.RMP_FAULT,
            Kind.RMP_FAULT,
            address=0,
            aux=1,
            range=Range.ALWAYS,
            vm_by=VmBy.VCPU,
            copies=(1, 3, 4),
            vcpu=0,
            letters=(
                Letter(
                    "I",
                    "kvm_rmp_fault",
                    SAW_ENTER,
                    4,
                    fields=("gpa", "error_code", "rmp_level", "vcpu_id"),
                    has_vcpu=True,
                ),
            ),
        ),
    ),
    gives=frozenset({Can.VCPU_THREADS}),
    without="2 MiB pages that SEV-SNP splits are not seen",
)
PHASE_PORTS: Final = (0x80, 0x402, 0xF4)
"""By which a guest reports how far it has come: POST codes, the debug port of SeaBIOS and OVMF
(text, byte by byte), and phase numbers by convention of boot-time benchmarks (and
isa-debug-exit)."""


class MarkShift(IntEnum):
    """Where the fields of kvm_pio lie in the one number that a phase mark is stored as."""

    VAL = 0
    PORT = 32
    COUNT = 48
    SIZE = 61


_PRINTED = (MarkShift.PORT, MarkShift.SIZE, MarkShift.COUNT, MarkShift.VAL)
_PIO_STORES = tuple(Store(0, shift=shift) for shift in _PRINTED)
PIO = KernelEvent(
    code=RecordCode.PIO,
    points=("kvm:kvm_pio",),
    parts=(*(Part(0, field.name.lower(), shift=field) for field in MarkShift), Part(1, "rw")),
    lines=(
        Line(
            "pio_write at % size # count # val %",
            _PIO_STORES,
            (constant(1, uapi.KVM_PIO_OUT),),
        ),
        Line("pio_read at % size # count # val %", _PIO_STORES),
    ),
    filter=Filter(
        any=tuple(Test("port", "==", f"{port:#x}") for port in PHASE_PORTS),
        every=(Test("rw", "==", str(uapi.KVM_PIO_OUT)),),
    ),
    recorded=Recorded.ALWAYS,
    calls=(
        Call(
            CallCode.PHASE_MARK,
            Kind.PHASE_MARK,
            aux=0,
            vm_by=VmBy.VCPU,
            letters=(Letter("Y", "kvm_pio", SAW_ENTER, 1, packs=0),),
        ),
    ),
    gives=frozenset({Can.PHASE_MARKS}),
    without="when firmware and boot came to which phase is not seen",
)
