"""Which of the kernel's own events to record, and what the kernel may filter out."""

from collector.ftrace.probes import CALLS, any_of
from collector.kvm import uapi

BASIC: dict[str, str | None] = {
    # KVM_RUN tells which thread runs which vCPU, and ends what the last exit explains: so of the
    # exits to user space only those are needed by which the guest asks for a conversion.
    "syscalls/sys_enter_ioctl": any_of(uapi.KVM_RUN, *CALLS),
    "syscalls/sys_exit_ioctl": None,  # it has no cmd, and results of others look like ours
    "syscalls/sys_enter_fallocate": None,
    "syscalls/sys_exit_fallocate": None,
    "syscalls/sys_enter_close": "fd>2",
    "syscalls/sys_exit_close": None,
    "syscalls/sys_enter_close_range": "flags==0",
    "syscalls/sys_exit_close_range": None,
    "syscalls/sys_enter_dup": None,
    "syscalls/sys_exit_dup": None,
    "syscalls/sys_enter_dup2": None,
    "syscalls/sys_exit_dup2": None,
    "syscalls/sys_enter_dup3": None,
    "syscalls/sys_exit_dup3": None,
    "kvm/kvm_vm_set_mem_attributes": None,
    "kvm/kvm_set_vm_mem_attributes": None,  # a name proposed for the same
    "kvm/kvm_hypercall": f"nr=={uapi.KVM_HC_MAP_GPA_RANGE}",
    "kvm/kvm_userspace_exit": (
        f"reason=={uapi.KVM_EXIT_HYPERCALL}||reason=={uapi.KVM_EXIT_MEMORY_FAULT}"
    ),
    "kvm/kvm_rmp_fault": None,
    "task/task_newtask": None,
    "sched/sched_process_exec": None,
    "sched/sched_process_exit": None,
}
"""system/event -> the filter."""

DUPLICATES: dict[str, str | None] = {
    "syscalls/sys_enter_fcntl": f"cmd=={uapi.F_DUPFD}||cmd=={uapi.F_DUPFD_CLOEXEC}",
    "syscalls/sys_exit_fcntl": None,
}
"""fcntl as the dup it may be. What is read back needs the filter: others have results alike."""

FAULTS: dict[str, str | None] = {"kvm/kvm_page_fault": None, "kvm/kvm_unmap_hva_range": None}

_PAGE_CACHE = ("mm_filemap_add_to_page_cache", "mm_filemap_delete_from_page_cache")


def backing(device: int) -> dict[str, str | None]:
    """The page cache of the files of one device, as stat(2) names it."""
    major, minor = device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00
    return {f"filemap/{event}": f"s_dev=={major << 20 | minor}" for event in _PAGE_CACHE}
