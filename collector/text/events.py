"""What is known of each event by its name: how its lines look, in every form of text trace.

The patterns are the TP_printk of arch/x86/kvm/trace.h and include/trace/events/{kvm,task,sched,
filemap}.h, and what kernel/trace/trace_syscalls.c prints of system calls.
"""

from errno import EFAULT

from collector.kvm.uapi import KVM_EXIT_MEMORY_FAULT
from collector.records import RecordCode
from collector.text.probes import Probes
from collector.text.templates import Store, Template, constant

_NO_REASON = (1 << 32) - 1

_SYSTEM_CALLS: dict[str, tuple[RecordCode, str]] = {
    "ioctl": (RecordCode.IOCTL_ENTER, "fd: $, cmd: %, arg: %"),
    "fallocate": (RecordCode.FALLOCATE_ENTER, "fd: $, mode: %, offset: %, len: %"),
    "close": (RecordCode.CLOSE_ENTER, "fd: $"),
    "close_range": (RecordCode.CLOSE_RANGE_ENTER, "fd: $, max_fd: $, flags: %"),
    "dup": (RecordCode.DUP_ENTER, "fildes: $"),
    "dup2": (RecordCode.DUP_ENTER, "oldfd: $"),
    "dup3": (RecordCode.DUP_ENTER, "oldfd: $"),
}
_EXITS = {
    RecordCode.IOCTL_ENTER: RecordCode.IOCTL_EXIT,
    RecordCode.FALLOCATE_ENTER: RecordCode.FALLOCATE_EXIT,
    RecordCode.CLOSE_ENTER: RecordCode.CLOSE_EXIT,
    RecordCode.CLOSE_RANGE_ENTER: RecordCode.CLOSE_RANGE_EXIT,
    RecordCode.DUP_ENTER: RecordCode.DUP_EXIT,
}

_ATTRIBUTES = Template(RecordCode.SET_ATTRIBUTES, "% -- % [%]")
_NO_VCPU = constant(0, -1)
_PAGE_CACHE = "dev #:# ino % pfn=% ofs=# order=#"
_PAGE_CACHE_STORES = (
    Store(3, shift=20),  # major and minor number of the device
    Store(3),
    Store(1),
    Store(0),
    Store(2, shift=-12),  # bytes, of which the index is the page
    Store(4),
)

_EVENTS: dict[str, tuple[Template, ...]] = {
    "kvm_hypercall": (Template(RecordCode.HYPERCALL, "nr % a0 % a1 % a2 % a3 %"),),
    "kvm_userspace_exit": (
        # The kernel prints an error or a reason, never both. KVM_RUN fails with EFAULT when it
        # exits with KVM_EXIT_MEMORY_FAULT (Documentation/virt/kvm/api.rst, 6.20); perf and
        # trace-cmd take the error for unsigned and print the reason.
        Template(
            RecordCode.USERSPACE_EXIT,
            f"reason error ({EFAULT})",
            constants=(constant(0, KVM_EXIT_MEMORY_FAULT), constant(1, -EFAULT)),
        ),
        *(
            Template(
                RecordCode.USERSPACE_EXIT,
                f"reason {word} (#)",
                (Store(1, factor=-1),),
                (constant(0, _NO_REASON),),
            )
            for word in ("error", "restart")
        ),
        Template(
            RecordCode.USERSPACE_EXIT,
            f"reason {KVM_EXIT_MEMORY_FAULT:#x} ({KVM_EXIT_MEMORY_FAULT})",
            constants=(constant(0, KVM_EXIT_MEMORY_FAULT), constant(1, -EFAULT)),
        ),
        Template(RecordCode.USERSPACE_EXIT, "reason ~ (#)"),
    ),
    "kvm_page_fault": (
        Template(RecordCode.PAGE_FAULT, "vcpu # rip % address % error_code %"),
        # Kernels before 6.1 name no vCPU.
        Template(
            RecordCode.PAGE_FAULT, "address % error_code %", (Store(2), Store(3)), (_NO_VCPU,)
        ),
    ),
    "kvm_unmap_hva_range": (
        Template(RecordCode.UNMAP_HVA_RANGE, "mmu notifier unmap range: % -- %"),
    ),
    "kvm_vm_set_mem_attributes": (_ATTRIBUTES,),
    "kvm_set_vm_mem_attributes": (_ATTRIBUTES,),  # a name proposed for the same
    "kvm_rmp_fault": (
        Template(
            RecordCode.RMP_FAULT,
            "vcpu # gpa % pfn % error_code % rmp_level # psmash_ret #",
        ),
    ),
    "task_newtask": (Template(RecordCode.NEW_TASK, "pid=# comm=~ clone_flags=%"),),
    "sched_process_exec": (Template(RecordCode.PROCESS_EXEC, "filename=~ pid=# old_pid=#"),),
    "sched_process_exit": (
        Template(
            RecordCode.PROCESS_EXIT,
            "comm=~ pid=# prio=# group_dead=true",
            (Store(0), Store(2, factor=0)),
            (constant(1, 1),),
        ),
        Template(
            RecordCode.PROCESS_EXIT,
            "comm=~ pid=# prio=# group_dead=false",
            (Store(0), Store(2, factor=0)),
        ),
        Template(RecordCode.PROCESS_EXIT, "comm=~ pid=#", constants=(constant(1, -1),)),
    ),
    "mm_filemap_add_to_page_cache": (
        Template(RecordCode.PAGE_CACHE_ADD, _PAGE_CACHE, _PAGE_CACHE_STORES),
    ),
    "mm_filemap_delete_from_page_cache": (
        Template(RecordCode.PAGE_CACHE_DELETE, _PAGE_CACHE, _PAGE_CACHE_STORES),
    ),
}


class KnownEvents:
    """What an event is by its name, or, if it is a probe, by what it prints."""

    def __init__(self) -> None:
        self._probes = Probes()

    def templates_of(self, name: str, payload: str) -> tuple[Template, ...]:
        """How the lines of an event look; none if it tells us nothing."""
        return (
            by_name(name)
            or in_trace_file(name, payload)
            or self._probes.templates_of(name, payload)
        )


def by_name(name: str) -> tuple[Template, ...]:
    """By a name as perf and trace-cmd print it; perf names the system too."""
    name = name.rsplit(":", 1)[-1]
    for prefix in ("sys_enter_", "sys_exit_"):
        call = _SYSTEM_CALLS.get(name.removeprefix(prefix))
        if name.startswith(prefix) and call is not None:
            code, pattern = call
            return (
                Template(code, pattern) if prefix == "sys_enter_" else Template(_EXITS[code], "%"),
            )
    return _EVENTS.get(name, ())


def in_trace_file(name: str, payload: str) -> tuple[Template, ...]:
    """System calls in the tracing file `trace`: `sys_ioctl(fd: 5, ...)` and `sys_ioctl -> 0x0`."""
    call = _SYSTEM_CALLS.get(name.removeprefix("sys_"))
    if call is None or not name.startswith("sys_"):
        return ()
    code, pattern = call
    return (
        Template(code, f"({pattern}")
        if payload.startswith("(")
        else Template(_EXITS[code], "-> %"),
    )
