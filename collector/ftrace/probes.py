"""Probes that read what KVM is asked for, as the kernel's dynamic_events takes them.

Documentation/trace/eprobetrace.rst and kprobetrace.rst. What a probe means is told by its fields
alone (collector.ftrace.recognise), so names are free and these texts serve trace-cmd as well.
"""

from dataclasses import dataclass

KVM_CREATE_VM = 0xAE01
KVM_CREATE_VCPU = 0xAE41
KVM_RUN = 0xAE80
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
KVM_SET_USER_MEMORY_REGION2 = 0x40A0AE49
KVM_SET_MEMORY_ATTRIBUTES = 0x4020AED2
KVM_SET_MEMORY_ATTRIBUTES2 = 0xC080AED2
KVM_CREATE_GUEST_MEMFD = 0xC040AED4
KVM_MEMORY_ENCRYPT_REG_REGION = 0x8010AEBB
KVM_MEMORY_ENCRYPT_UNREG_REGION = 0x8010AEBC

CALLS = (
    KVM_CREATE_VM,
    KVM_CREATE_VCPU,
    KVM_SET_USER_MEMORY_REGION,
    KVM_SET_USER_MEMORY_REGION2,
    KVM_SET_MEMORY_ATTRIBUTES,
    KVM_SET_MEMORY_ATTRIBUTES2,
    KVM_CREATE_GUEST_MEMFD,
    KVM_MEMORY_ENCRYPT_REG_REGION,
    KVM_MEMORY_ENCRYPT_UNREG_REGION,
)
"""The ioctls that matter; all others are filtered out by the kernel."""


def any_of(*commands: int) -> str:
    """A filter for events with a field `cmd`."""
    return "||".join(f"cmd=={command:#x}" for command in commands)


@dataclass(frozen=True, slots=True)
class Probe:
    """`kind`:GROUP/`name` `place` `fields`, with `condition` for event probes: `if condition`.

    A kprobe takes its condition as the filter of its event in a tracing instance.
    """

    kind: str  # "e" or "p"
    name: str
    place: str
    fields: str
    condition: str

    def definition(self, group: str) -> str:
        text = f"{self.kind}:{group}/{self.name} {self.place} {self.fields}"
        return f"{text} if {self.condition}" if self.kind == "e" else text


def _event_probe(name: str, fields: str, *commands: int) -> Probe:
    return Probe("e", name, "syscalls.sys_enter_ioctl", f"fd=$fd:s32 {fields}", any_of(*commands))


_REGION = (
    "slot=+u0($arg):u32 flags=+u4($arg):x32 gpa=+u8($arg):x64 size=+u16($arg):x64 "
    "hva=+u24($arg):x64"
)

EVENT_PROBES = (
    _event_probe(  # the first 32 bytes of both structs are alike
        "set_attributes",
        "cmd=$cmd:x32 address=+u0($arg):x64 size=+u8($arg):x64 attributes=+u16($arg):x64 "
        "flags=+u24($arg):x64",
        KVM_SET_MEMORY_ATTRIBUTES,
        KVM_SET_MEMORY_ATTRIBUTES2,
    ),
    _event_probe("set_region", _REGION, KVM_SET_USER_MEMORY_REGION),
    _event_probe(
        "set_region2",
        f"{_REGION} gmem_off=+u32($arg):x64 gmem_fd=+u40($arg):s32",
        KVM_SET_USER_MEMORY_REGION2,
    ),
    _event_probe(
        "create_guest_memfd",
        "size=+u0($arg):x64 gflags=+u8($arg):x64",
        KVM_CREATE_GUEST_MEMFD,
    ),
    _event_probe(
        "enc_region",
        "cmd=$cmd:x32 addr=+u0($arg):x64 size=+u8($arg):x64",
        KVM_MEMORY_ENCRYPT_REG_REGION,
        KVM_MEMORY_ENCRYPT_UNREG_REGION,
    ),
)

_STRUCT = " ".join(f"f{i}=+u{8 * i}($arg3):x64" for i in range(6))


def _vm_ioctl(fields: str) -> Probe:
    """kvm_vm_ioctl(struct file *filp, unsigned int ioctl, unsigned long arg) in kvm_main.c."""
    return Probe("p", "vm_ioctl", "kvm_vm_ioctl", fields, any_of(*CALLS))


VM_IOCTL_PROBES = (
    _vm_ioctl(f"kvm=filp->private_data:x64 cmd=$arg2:x32 {_STRUCT}"),  # with BTF
    _vm_ioctl(f"cmd=$arg2:x32 {_STRUCT}"),
)
"""The first that the kernel accepts does what the event probes do, but for ioctls on other files
than VMs: KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd."""

COST_OF_PROBE = {
    "set_attributes": "the ranges of conversions",
    "set_region": "memslots set by KVM_SET_USER_MEMORY_REGION",
    "set_region2": "memslots set by KVM_SET_USER_MEMORY_REGION2",
    "create_guest_memfd": "the size and flags of guest_memfds",
    "enc_region": "the ranges of memory registered for encryption",
}
"""What is not seen without it."""
