"""Probes that read what KVM is asked for, as the kernel's dynamic_events takes them.

Documentation/trace/eprobetrace.rst and kprobetrace.rst. What a probe means is told by its fields
alone (collector.ftrace.recognise), so names are free and these texts serve trace-cmd as well.
"""

from dataclasses import dataclass

from collector.kvm import uapi

CALLS = (
    uapi.KVM_CREATE_VM,
    uapi.KVM_CREATE_VCPU,
    uapi.KVM_SET_USER_MEMORY_REGION,
    uapi.KVM_SET_USER_MEMORY_REGION2,
    uapi.KVM_SET_MEMORY_ATTRIBUTES,
    uapi.KVM_SET_MEMORY_ATTRIBUTES2,
    uapi.KVM_CREATE_GUEST_MEMFD,
    uapi.KVM_MEMORY_ENCRYPT_REG_REGION,
    uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION,
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


_NAMES = {
    "guest_phys_addr": "gpa",
    "memory_size": "size",
    "userspace_addr": "hva",
    "guest_memfd_offset": "gmem_off",
    "guest_memfd": "gmem_fd",
}
"""What a field of a struct is called in a probe, where that is not its own name."""


def _struct(struct: uapi.Struct, **types: str) -> str:
    """Read fields of the user's struct, each as the given type."""
    names = _NAMES | ({"flags": "gflags"} if struct is uapi.CREATE_GUEST_MEMFD else {})
    return " ".join(
        f"{names.get(field, field)}=+u{struct.offsets[field]}($arg):{kind}"
        for field, kind in types.items()
    )


_REGION = _struct(
    uapi.USERSPACE_MEMORY_REGION,
    slot="u32",
    flags="x32",
    guest_phys_addr="x64",
    memory_size="x64",
    userspace_addr="x64",
)
_GMEM = _struct(uapi.USERSPACE_MEMORY_REGION2, guest_memfd_offset="x64", guest_memfd="s32")
_ATTRIBUTES = _struct(
    uapi.MEMORY_ATTRIBUTES, address="x64", size="x64", attributes="x64", flags="x64"
)
_ENC_REGION = _struct(uapi.ENC_REGION, addr="x64", size="x64")

EVENT_PROBES = (
    _event_probe(  # the first 32 bytes of both structs are alike
        "set_attributes",
        f"cmd=$cmd:x32 {_ATTRIBUTES}",
        uapi.KVM_SET_MEMORY_ATTRIBUTES,
        uapi.KVM_SET_MEMORY_ATTRIBUTES2,
    ),
    _event_probe("set_region", _REGION, uapi.KVM_SET_USER_MEMORY_REGION),
    _event_probe(
        "set_region2",
        f"{_REGION} {_GMEM}",
        uapi.KVM_SET_USER_MEMORY_REGION2,
    ),
    _event_probe(
        "create_guest_memfd",
        _struct(uapi.CREATE_GUEST_MEMFD, size="x64", flags="x64"),
        uapi.KVM_CREATE_GUEST_MEMFD,
    ),
    _event_probe(
        "enc_region",
        f"cmd=$cmd:x32 {_ENC_REGION}",
        uapi.KVM_MEMORY_ENCRYPT_REG_REGION,
        uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION,
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
