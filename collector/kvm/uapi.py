"""The numbers of the kernel's ABI that this project speaks: the one place where they are written.

They are plain integers under the kernel's own names, so that compiled loops take them as they are.
Ioctl numbers are those of x86-64, arm64 and riscv64. What stored data hold as well (slot flags,
guest_memfd flags, attributes) is defined by app.model.guest and only named here.
tests/kvm/test_uapi.py holds each of them against the C headers of the machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.model.guest import (
    GUEST_MEMFD_FLAG_INIT_SHARED as GUEST_MEMFD_FLAG_INIT_SHARED,
    GUEST_MEMFD_FLAG_MMAP as GUEST_MEMFD_FLAG_MMAP,
    KVM_MEM_GUEST_MEMFD as KVM_MEM_GUEST_MEMFD,
    KVM_MEM_LOG_DIRTY_PAGES as KVM_MEM_LOG_DIRTY_PAGES,
    KVM_MEM_READONLY as KVM_MEM_READONLY,
    KVM_MEMORY_ATTRIBUTE_PRIVATE as KVM_MEMORY_ATTRIBUTE_PRIVATE,
)

# include/uapi/linux/kvm.h: ioctls.
KVM_CREATE_VM: Final = 0xAE01
KVM_CHECK_EXTENSION: Final = 0xAE03
KVM_GET_VCPU_MMAP_SIZE: Final = 0xAE04
KVM_CREATE_VCPU: Final = 0xAE41
KVM_CREATE_IRQCHIP: Final = 0xAE60
KVM_RUN: Final = 0xAE80
KVM_SET_USER_MEMORY_REGION: Final = 0x4020AE46
KVM_SET_USER_MEMORY_REGION2: Final = 0x40A0AE49
KVM_SET_MEMORY_ATTRIBUTES: Final = 0x4020AED2
KVM_SET_MEMORY_ATTRIBUTES2: Final = 0xC080AED2
KVM_CREATE_GUEST_MEMFD: Final = 0xC040AED4
KVM_MEMORY_ENCRYPT_REG_REGION: Final = 0x8010AEBB
KVM_MEMORY_ENCRYPT_UNREG_REGION: Final = 0x8010AEBC

# include/uapi/linux/kvm.h: reasons of an exit to user space, and what one holds.
KVM_EXIT_HYPERCALL: Final = 3
KVM_EXIT_HLT: Final = 5
KVM_EXIT_MEMORY_FAULT: Final = 39
KVM_MEMORY_EXIT_FLAG_PRIVATE: Final = 1 << 3

# include/uapi/linux/kvm_para.h and arch/x86/include/uapi/asm/kvm_para.h: the guest's own calls.
KVM_HC_MAP_GPA_RANGE: Final = 12
KVM_MAP_GPA_RANGE_PAGE_SZ_2M: Final = 1 << 0
KVM_MAP_GPA_RANGE_PAGE_SZ_1G: Final = 1 << 1
KVM_MAP_GPA_RANGE_ENCRYPTED: Final = 1 << 4

# include/uapi/linux/kvm.h: what KVM_CHECK_EXTENSION is asked for.
KVM_CAP_EXIT_HYPERCALL: Final = 201
KVM_CAP_USER_MEMORY2: Final = 231
KVM_CAP_MEMORY_FAULT_INFO: Final = 232
KVM_CAP_MEMORY_ATTRIBUTES: Final = 233
KVM_CAP_GUEST_MEMFD: Final = 234
KVM_CAP_VM_TYPES: Final = 235
KVM_CAP_PRE_FAULT_MEMORY: Final = 236
KVM_CAP_GUEST_MEMFD_FLAGS: Final = 244

# arch/x86/include/uapi/asm/kvm.h: types of VM.
KVM_X86_DEFAULT_VM: Final = 0
KVM_X86_SW_PROTECTED_VM: Final = 1
KVM_X86_SEV_VM: Final = 2
KVM_X86_SEV_ES_VM: Final = 3
KVM_X86_SNP_VM: Final = 4
KVM_X86_TDX_VM: Final = 5

# include/uapi/linux/falloc.h, sched.h and fcntl.h.
FALLOC_FL_KEEP_SIZE: Final = 1
FALLOC_FL_PUNCH_HOLE: Final = 2
CLONE_THREAD: Final = 0x10000
F_DUPFD: Final = 0
F_DUPFD_CLOEXEC: Final = 1030

SYSTEM_CALL_NUMBERS: Final[Mapping[str, int]] = {"pidfd_getfd": 438, "cachestat": 451}
"""scripts/syscall.tbl: the same on every architecture, as those of all calls since Linux 5.1."""

# What no header for user space has.
KVM_USER_MEM_SLOTS: Final = 32764
"""arch/x86/include/asm/kvm_host.h: ids from here on belong to KVM itself (KVM_SET_TSS_ADDR and the
like)."""
KVM_PIO_OUT: Final = 1
"""arch/x86/kvm/trace.h: `rw` of kvm_pio where the guest wrote."""
PFERR_WRITE_MASK: Final = 1 << 1
PFERR_GUEST_RMP_MASK: Final = 1 << 31
PFERR_GUEST_FINAL_MASK: Final = 1 << 32
PFERR_GUEST_ENC_MASK: Final = 1 << 34
PFERR_PRIVATE_ACCESS: Final = 1 << 49
"""PFERR_*: error codes of kvm_page_fault (arch/x86/include/asm/kvm_host.h). The last is KVM's own
bit for a private access, which it sets for SNP guests (arch/x86/kvm/svm/svm.c, npf_interception).
Intel's, EPT exit qualifications, have none."""


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct that an ioctl's argument points to: its size, and where its fields begin."""

    name: str
    size: int
    offsets: Mapping[str, int]


USERSPACE_MEMORY_REGION: Final = Struct(
    "kvm_userspace_memory_region",
    32,
    {"slot": 0, "flags": 4, "guest_phys_addr": 8, "memory_size": 16, "userspace_addr": 24},
)
USERSPACE_MEMORY_REGION2: Final = Struct(
    "kvm_userspace_memory_region2",
    160,
    {**USERSPACE_MEMORY_REGION.offsets, "guest_memfd_offset": 32, "guest_memfd": 40},
)
MEMORY_ATTRIBUTES: Final = Struct(
    "kvm_memory_attributes", 32, {"address": 0, "size": 8, "attributes": 16, "flags": 24}
)
MEMORY_ATTRIBUTES2: Final = Struct(
    "kvm_memory_attributes2", 128, {**MEMORY_ATTRIBUTES.offsets, "error_offset": 32}
)
CREATE_GUEST_MEMFD: Final = Struct("kvm_create_guest_memfd", 64, {"size": 0, "flags": 8})
ENC_REGION: Final = Struct("kvm_enc_region", 16, {"addr": 0, "size": 8})
RUN_IMMEDIATE_EXIT: Final = 1
"""Where struct kvm_run has immediate_exit: KVM_RUN returns -EINTR without entering the guest."""

STRUCT_OF: Final[Mapping[int, Struct]] = {
    KVM_SET_USER_MEMORY_REGION: USERSPACE_MEMORY_REGION,
    KVM_SET_USER_MEMORY_REGION2: USERSPACE_MEMORY_REGION2,
    KVM_SET_MEMORY_ATTRIBUTES: MEMORY_ATTRIBUTES,
    KVM_SET_MEMORY_ATTRIBUTES2: MEMORY_ATTRIBUTES2,
    KVM_CREATE_GUEST_MEMFD: CREATE_GUEST_MEMFD,
    KVM_MEMORY_ENCRYPT_REG_REGION: ENC_REGION,
    KVM_MEMORY_ENCRYPT_UNREG_REGION: ENC_REGION,
}
"""What each ioctl's argument points to."""

ORIGIN: Final[Mapping[str, str]] = {
    "KVM_MAP_GPA_RANGE_PAGE_SZ_2M": "arch/x86/include/uapi/asm/kvm_para.h",
    "KVM_MAP_GPA_RANGE_PAGE_SZ_1G": "arch/x86/include/uapi/asm/kvm_para.h",
    "KVM_MAP_GPA_RANGE_ENCRYPTED": "arch/x86/include/uapi/asm/kvm_para.h",
    "KVM_PIO_OUT": "arch/x86/kvm/trace.h",
    "KVM_USER_MEM_SLOTS": "arch/x86/include/asm/kvm_host.h",
    "PFERR_WRITE_MASK": "arch/x86/include/asm/kvm_host.h",
    "PFERR_GUEST_RMP_MASK": "arch/x86/include/asm/kvm_host.h",
    "PFERR_GUEST_FINAL_MASK": "arch/x86/include/asm/kvm_host.h",
    "PFERR_GUEST_ENC_MASK": "arch/x86/include/asm/kvm_host.h",
    "PFERR_PRIVATE_ACCESS": "arch/x86/include/asm/kvm_host.h",
    "KVM_SET_USER_MEMORY_REGION2": "Linux 6.8",
    "KVM_SET_MEMORY_ATTRIBUTES": "Linux 6.8",
    "KVM_CREATE_GUEST_MEMFD": "Linux 6.8",
    "KVM_EXIT_MEMORY_FAULT": "Linux 6.8",
    "KVM_MEMORY_EXIT_FLAG_PRIVATE": "Linux 6.8",
    "KVM_MEMORY_ATTRIBUTE_PRIVATE": "Linux 6.8",
    "KVM_MEM_GUEST_MEMFD": "Linux 6.8",
    "KVM_CAP_USER_MEMORY2": "Linux 6.8",
    "KVM_CAP_MEMORY_FAULT_INFO": "Linux 6.8",
    "KVM_CAP_MEMORY_ATTRIBUTES": "Linux 6.8",
    "KVM_CAP_GUEST_MEMFD": "Linux 6.8",
    "KVM_CAP_VM_TYPES": "Linux 6.8",
    "KVM_X86_DEFAULT_VM": "Linux 6.8",
    "KVM_X86_SW_PROTECTED_VM": "Linux 6.8",
    "KVM_X86_SEV_VM": "Linux 6.10",
    "KVM_X86_SEV_ES_VM": "Linux 6.10",
    "KVM_X86_SNP_VM": "Linux 6.11",
    "KVM_CAP_PRE_FAULT_MEMORY": "Linux 6.11",
    "KVM_X86_TDX_VM": "Linux 6.16",
    "KVM_CAP_GUEST_MEMFD_FLAGS": "Linux 6.18",
    "GUEST_MEMFD_FLAG_MMAP": "Linux 6.18",
    "GUEST_MEMFD_FLAG_INIT_SHARED": "Linux 6.18",
    "KVM_SET_MEMORY_ATTRIBUTES2": "guest_memfd in-place conversion, v8 of June 2026: in no release",
}
"""The names that a machine's headers may lack: since when, or where else, they stand."""
