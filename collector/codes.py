"""What a record is and what a call is, as numbers. Without numpy, for those who hold neither."""

from enum import IntEnum

HAS_GMEM = 1
"""USER_REGION: the event carries gmem_off and gmem_fd (KVM_SET_USER_MEMORY_REGION2)."""


class RecordCode(IntEnum):
    """What a record is; the docstring names v[0], v[1], ... in order."""

    IOCTL_ENTER = 1
    """syscalls:sys_enter_ioctl: fd, cmd, arg."""
    IOCTL_EXIT = 2
    """syscalls:sys_exit_ioctl, or a probe on it: ret."""
    FALLOCATE_ENTER = 3
    """fd, mode, offset, len."""
    FALLOCATE_EXIT = 4
    """ret."""
    USER_SET_ATTRIBUTES = 5
    """Event probe reading struct kvm_memory_attributes: fd, address, size, attributes, flags, cmd
    (0: not recorded). Those of kvm_memory_attributes2 are alike."""
    USER_REGION = 6
    """Event probe reading struct kvm_userspace_memory_region(2):
    fd, slot | flags << 32, gpa, size, hva, gmem_off, gmem_fd."""
    USER_GUEST_MEMFD = 7
    """Event probe reading struct kvm_create_guest_memfd: fd, size, flags."""
    VM_IOCTL = 8
    """kprobe kvm_vm_ioctl: struct kvm *, cmd, then the user struct's first five u64, then its
    u64 at offset 40 (guest_memfd in the low 32 bits)."""
    VM_IOCTL_RETURN = 9
    """ret."""
    SET_MEMSLOT = 10
    """kprobe __kvm_set_memory_region (6.12; kvm_set_memory_region later):
    struct kvm *, slot | flags << 32, gpa, size, hva, gmem_off, gmem_fd."""
    SET_MEMSLOT_RETURN = 11
    """ret."""
    POST_ATTRIBUTES = 12
    """kprobe kvm_arch_post_set_memory_attributes: struct kvm *, slot id, start gfn, end gfn, attr.
    Fires once per memslot met, only when the call really changes something."""
    GMEM_FALLOCATE = 13
    """kprobe kvm_gmem_fallocate: struct file *, mode, offset, len."""
    GMEM_FALLOCATE_RETURN = 14
    """ret."""
    GMEM_CREATE = 15
    """kprobe kvm_gmem_create: struct kvm *, size, flags."""
    GMEM_CREATE_RETURN = 16
    """fd."""
    SET_ATTRIBUTES = 17
    """kvm:kvm_vm_set_mem_attributes: start gfn, end gfn (exclusive), attr. A request only."""
    HYPERCALL = 18
    """kvm:kvm_hypercall: nr, a0, a1, a2, a3."""
    USERSPACE_EXIT = 19
    """kvm:kvm_userspace_exit: reason, errno (negative)."""
    PAGE_FAULT = 20
    """kvm:kvm_page_fault: vcpu_id, guest_rip, fault_address, error_code."""
    UNMAP_HVA_RANGE = 21
    """kvm:kvm_unmap_hva_range: start, end (hva bytes)."""
    RMP_FAULT = 22
    """kvm:kvm_rmp_fault: vcpu_id, gpa, pfn, error_code, rmp_level, psmash_ret."""
    NEW_TASK = 23
    """task:task_newtask: pid, clone_flags. The record's tid is the parent."""
    PROCESS_EXEC = 24
    """sched:sched_process_exec: pid, old_pid."""
    PROCESS_EXIT = 25
    """sched:sched_process_exit: pid, group_dead (1, 0, or -1 where the kernel does not record
    it)."""
    CLOSE_ENTER = 26
    """fd."""
    CLOSE_EXIT = 27
    """ret."""
    DUP_ENTER = 28
    """oldfd."""
    DUP_EXIT = 29
    """ret."""
    LOSS_BEGIN = 30
    """The last record before a gap on this CPU was at ts: count (0: unknown), ts after the gap."""
    LOSS_END = 31
    """The first record after a gap on this CPU: count (0: unknown), ts before the gap."""
    USER_ENC_REGION = 32
    """Event probe reading struct kvm_enc_region: fd, addr, size, cmd (0: not recorded)."""
    PAGE_CACHE_ADD = 33
    """filemap:mm_filemap_add_to_page_cache: pfn, i_ino, index, s_dev, order."""
    PAGE_CACHE_DELETE = 34
    """filemap:mm_filemap_delete_from_page_cache: pfn, i_ino, index, s_dev, order."""
    CLOSE_RANGE_ENTER = 35
    """fd, max_fd, flags."""
    CLOSE_RANGE_EXIT = 36
    """ret."""
    PIO = 37
    """kvm:kvm_pio: val, port, count and size as in MarkShift (collector.kvm), rw."""


SAW_ENTER = 1

SAW_EXIT = 2

SAW_STRUCT = 4
"""The user's struct was read: the range is seen."""

SAW_RANGE_BY_REQUEST = 8
"""Only the hypercall that asked for it has the range: the range is inferred."""

SAW_GMEM = 16
"""A memory region with guest_memfd fields."""


class CallCode(IntEnum):
    """A paired system call, or a single observation; the docstring names v[0], v[1], ..."""

    SET_ATTRIBUTES = 1
    """address (gpa bytes), size (bytes), attributes, flags."""
    SET_REGION = 2
    """slot | flags << 32, gpa, size, hva, gmem_off, gmem_fd."""
    CREATE_GUEST_MEMFD = 3
    """size, flags; ret: the new fd."""
    CREATE_VM = 4
    """type; ret: the new VM fd."""
    CREATE_VCPU = 5
    """vcpu id; ret: the new vCPU fd."""
    FALLOCATE = 6
    """mode, offset, len."""
    CLOSE = 7
    """Nothing; fd and ret are all."""
    DUP = 8
    """ret: the new fd."""
    UNKNOWN_IOCTL = 9
    """An exit whose entry was not recorded; ret may be an fd that turns out to be a VM."""
    HYPERCALL = 10
    """gpa, npages, a2 (KVM_HC_MAP_GPA_RANGE only)."""
    MEMORY_FAULT = 11
    """gpa, size, flags where known, else 0 and no SAW_STRUCT."""
    PAGE_FAULT = 12
    """gpa, error_code."""
    UNMAP = 13
    """hva start, hva end."""
    RMP_FAULT = 14
    """gpa, error_code, rmp_level."""
    NEW_TASK = 15
    """pid, clone_flags."""
    PROCESS_EXEC = 16
    """pid, old pid."""
    PROCESS_EXIT = 17
    """pid, group_dead."""
    LOSS_BEGIN = 18
    """count (0: unknown), ts after the gap."""
    LOSS_END = 19
    """count (0: unknown), ts before the gap."""
    SET_ATTRIBUTES2 = 20
    """KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd: offset (bytes), size (bytes), attributes, flags,
    error_offset (0: not seen). On a VM, in early posts of the in-place conversion series, and with
    SAW_RANGE_BY_REQUEST: gpa instead of offset."""
    REGISTER_REGION = 21
    """KVM_MEMORY_ENCRYPT_REG_REGION: addr, size."""
    UNREGISTER_REGION = 22
    """KVM_MEMORY_ENCRYPT_UNREG_REGION: addr, size."""
    PAGE_CACHE_ADD = 23
    """i_ino, index, s_dev (as in the event: MAJOR << 20 | MINOR), order."""
    PAGE_CACHE_DELETE = 24
    """i_ino, index, s_dev, order."""
    VCPU_RUN = 25
    """The thread runs the vCPU behind `fd`: given once for each thread and fd. Nothing else."""
    CLOSE_RANGE = 26
    """max_fd, flags."""
    LATE_RETURN = 27
    """A call that may be of any kind returned 0 after a gap in which its entry was lost. With
    SAW_ENTER: from here on what it did may have been done; with SAW_EXIT: here it was over."""
    PHASE_MARK = 28
    """What the guest wrote to a port, packed as in RecordCode.PIO."""
