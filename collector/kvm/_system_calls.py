"""System calls: what VMMs ask KVM for, and what becomes of their files."""

from app.model.guest import Capability as Can, EventKind as Kind
from collector.codes import SAW_ENTER, CallCode, RecordCode
from collector.kvm import uapi
from collector.kvm._row import (
    CALL,
    STRUCT,
    Call,
    Filter,
    KernelEvent,
    Letter,
    Line,
    Recorded,
    Shape,
    Test,
    VmBy,
    commands,
    one_of,
    parts,
)

IOCTLS = (
    uapi.KVM_SET_MEMORY_ATTRIBUTES,
    uapi.KVM_SET_USER_MEMORY_REGION,
    uapi.KVM_SET_USER_MEMORY_REGION2,
    uapi.KVM_CREATE_GUEST_MEMFD,
    uapi.KVM_CREATE_VM,
    uapi.KVM_CREATE_VCPU,
    uapi.KVM_SET_MEMORY_ATTRIBUTES2,
    uapi.KVM_MEMORY_ENCRYPT_REG_REGION,
    uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION,
)
"""Those that matter, the frequent ones first; all others are filtered out by the kernel."""


def _exit(
    code: RecordCode,
    *names: str,
    recorded: Recorded = Recorded.ALWAYS,
    gives: frozenset[Can] = frozenset(),
    without: str = "",
    is_essential: bool = False,
) -> KernelEvent:
    return KernelEvent(
        code=code,
        points=tuple(f"syscalls:sys_exit_{name}" for name in names),
        parts=parts("ret"),
        lines=(Line("%"),) if recorded is Recorded.ALWAYS else (),
        recorded=recorded,
        gives=gives,
        without=without,
        is_essential=is_essential,
    )


IOCTL_ENTER = KernelEvent(
    # KVM_RUN shows which thread runs which vCPU, and ends what the last exit explains: so of the
    # exits to user space only those are needed by which the guest asks for a conversion.
    code=RecordCode.IOCTL_ENTER,
    points=("syscalls:sys_enter_ioctl",),
    parts=parts("fd", "cmd", "arg"),
    shapes=(Shape(parts("fd", "cmd", "arg")),),
    lines=(Line("fd: $, cmd: %, arg: %"),),
    filter=commands(uapi.KVM_RUN, *IOCTLS),
    recorded=Recorded.ALWAYS,
    returns=RecordCode.IOCTL_EXIT,
    calls=(
        Call(
            CallCode.CREATE_VM,
            is_system_call=True,
            is_flood=False,
            letters=(Letter("V", "CREATE_VM", STRUCT, 1, uapi.KVM_CREATE_VM),),
        ),
        Call(
            CallCode.CREATE_VCPU,
            is_system_call=True,
            is_flood=False,
            letters=(Letter("U", "CREATE_VCPU", STRUCT, 1, uapi.KVM_CREATE_VCPU),),
        ),
        Call(
            CallCode.VCPU_RUN,
            is_flood=False,
            letters=(Letter("Q", "RUN", SAW_ENTER),),
        ),
        Call(CallCode.UNKNOWN_IOCTL, is_flood=False),
    ),
    gives=frozenset({Can.CONVERSIONS, Can.VM_CREATION}),
    without="nothing that VMMs ask KVM for can be seen",
    is_essential=True,
)
# It has no cmd, and results of others look like ours: so nothing is filtered.
IOCTL_EXIT = _exit(
    RecordCode.IOCTL_EXIT,
    "ioctl",
    gives=frozenset({Can.CONVERSION_RESULTS}),
    without="whether a call succeeded is not known",
    is_essential=True,
)
FALLOCATE_ENTER = KernelEvent(
    code=RecordCode.FALLOCATE_ENTER,
    points=("syscalls:sys_enter_fallocate",),
    parts=parts("fd", "mode", "offset", "len"),
    shapes=(Shape(parts("fd", "mode", "off", "len")),),
    lines=(Line("fd: $, mode: %, offset: %, len: %"),),
    recorded=Recorded.ALWAYS,
    returns=RecordCode.FALLOCATE_EXIT,
    calls=(
        Call(
            CallCode.FALLOCATE,
            Kind.ALLOCATE,
            is_system_call=True,
            aux=1,
            vm_by=VmBy.FILE,
            letters=(Letter("F", "FALLOCATE", STRUCT, 3),),
        ),
    ),
    gives=frozenset({Can.FALLOCATE}),
    without="guest_memfd pages that are punched or allocated are not seen",
)
FALLOCATE_EXIT = _exit(
    RecordCode.FALLOCATE_EXIT,
    "fallocate",
    without="whether a punch or an allocation succeeded is not known",
)
CLOSE_ENTER = KernelEvent(
    code=RecordCode.CLOSE_ENTER,
    points=("syscalls:sys_enter_close",),
    parts=parts("fd"),
    lines=(Line("fd: $"),),
    filter=Filter((Test("fd", ">", "2"),)),
    recorded=Recorded.ALWAYS,
    returns=RecordCode.CLOSE_EXIT,
    calls=(
        Call(
            CallCode.CLOSE,
            is_system_call=True,
            is_flood=False,
            letters=(Letter("C", "CLOSE", CALL),),
        ),
    ),
    gives=frozenset({Can.FD_LIFETIMES}),
    without="the end of a VM is inferred from its process or descriptor",
)
CLOSE_EXIT = _exit(RecordCode.CLOSE_EXIT, "close")
CLOSE_RANGE_ENTER = KernelEvent(
    code=RecordCode.CLOSE_RANGE_ENTER,
    points=("syscalls:sys_enter_close_range",),
    parts=parts("fd", "max_fd", "flags"),
    lines=(Line("fd: $, max_fd: $, flags: %"),),
    filter=one_of("flags", 0),
    recorded=Recorded.ALWAYS,
    returns=RecordCode.CLOSE_RANGE_EXIT,
    calls=(
        Call(
            CallCode.CLOSE_RANGE,
            is_system_call=True,
            is_flood=False,
            letters=(Letter("W", "CLOSE_RANGE", CALL, 1),),
        ),
    ),
)
CLOSE_RANGE_EXIT = _exit(RecordCode.CLOSE_RANGE_EXIT, "close_range")
DUP_ENTER = KernelEvent(
    code=RecordCode.DUP_ENTER,
    points=("syscalls:sys_enter_dup",),
    parts=parts("fildes"),
    lines=(Line("fildes: $"),),
    recorded=Recorded.ALWAYS,
    returns=RecordCode.DUP_EXIT,
    calls=(
        Call(
            CallCode.DUP,
            is_system_call=True,
            is_flood=False,
            letters=(Letter("P", "DUP", CALL),),
        ),
    ),
    without="a descriptor that was duplicated is not followed",
)
DUP2_ENTER = KernelEvent(
    code=RecordCode.DUP_ENTER,
    points=("syscalls:sys_enter_dup2", "syscalls:sys_enter_dup3"),
    parts=parts("oldfd"),
    lines=(Line("oldfd: $"),),
    recorded=Recorded.ALWAYS,
    returns=RecordCode.DUP_EXIT,
)
DUP_EXIT = _exit(RecordCode.DUP_EXIT, "dup", "dup2", "dup3")
FCNTL_ENTER = KernelEvent(
    code=RecordCode.DUP_ENTER,
    points=("syscalls:sys_enter_fcntl",),
    parts=parts("fd"),
    filter=one_of("cmd", uapi.F_DUPFD, uapi.F_DUPFD_CLOEXEC),
    recorded=Recorded.FILTERED,
    returns=RecordCode.DUP_EXIT,
)
FCNTL_EXIT = _exit(RecordCode.DUP_EXIT, "fcntl", recorded=Recorded.FILTERED)
