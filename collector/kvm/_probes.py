"""Probes: on the system call, to read what the user's structs hold, and on functions of KVM.

Documentation/trace/eprobetrace.rst and kprobetrace.rst. What a probe means is known by its fields
alone, so names are free and the texts serve trace-cmd as well.
"""

from collections.abc import Mapping
from typing import Final

from app.model.guest import Capability as Can, EventKind as Kind
from collector.codes import HAS_GMEM, CallCode, RecordCode
from collector.kvm import uapi
from collector.kvm._ioctls import (
    CREATE_GUEST_MEMFD_CALL,
    SET_ATTRIBUTES2_CALL,
    SET_ATTRIBUTES_CALL,
    SET_REGION_CALL,
    registration,
)
from collector.kvm._row import (
    STRUCT,
    KernelEvent,
    Letter,
    Part,
    Probe,
    Recorded,
    Shape,
    commands,
    parts,
)
from collector.kvm._system_calls import FALLOCATE_ENTER, IOCTLS

_PROBE_NAMES = {
    "guest_phys_addr": "gpa",
    "memory_size": "size",
    "userspace_addr": "hva",
    "guest_memfd_offset": "gmem_off",
    "guest_memfd": "gmem_fd",
}
_LONG_NAMES = {"offset": "off", "gflags": "flags"}
ALIASES: Final[Mapping[str, str]] = _PROBE_NAMES | _LONG_NAMES
"""What a field of a probe may be called as well: the kernel's own names, by those of the rows."""


def _event_probe(name: str, fields: str, costs: str, *ioctls: int) -> Probe:
    condition = commands(*ioctls).text()
    return Probe("e", name, "syscalls.sys_enter_ioctl", f"fd=$fd:s32 {fields}", condition, costs)


def _struct(struct: uapi.Struct, **types: str) -> str:
    """Read fields of the user's struct, each as the given type."""
    names = _PROBE_NAMES | ({"flags": "gflags"} if struct is uapi.CREATE_GUEST_MEMFD else {})
    return " ".join(
        f"{names.get(field, field)}=+u{struct.offsets[field]}($arg):{kind}"
        for field, kind in types.items()
    )


_READ_REGION = _struct(
    uapi.USERSPACE_MEMORY_REGION,
    slot="u32",
    flags="x32",
    guest_phys_addr="x64",
    memory_size="x64",
    userspace_addr="x64",
)
_READ_GMEM = _struct(uapi.USERSPACE_MEMORY_REGION2, guest_memfd_offset="x64", guest_memfd="s32")
_READ_ATTRIBUTES = _struct(
    uapi.MEMORY_ATTRIBUTES, address="x64", size="x64", attributes="x64", flags="x64"
)
_SLOT = (Part(1, "slot"), Part(1, "flags", shift=32))
_REGION = (*_SLOT, *parts("gpa", "size", "hva", first=2))
_GMEM = parts("gmem_off", "gmem_fd", first=5)

USER_SET_ATTRIBUTES = KernelEvent(
    code=RecordCode.USER_SET_ATTRIBUTES,
    recorded=Recorded.AS_PROBE,
    shapes=(
        Shape(
            (
                *parts("fd", "address", "size", "attributes"),
                Part(4, "flags", default=0),
                Part(5, "cmd", default=0),
            )
        ),
    ),
    probes=(
        _event_probe(  # the first 32 bytes of both structs are alike
            "set_attributes",
            f"cmd=$cmd:x32 {_READ_ATTRIBUTES}",
            "the ranges of conversions",
            uapi.KVM_SET_MEMORY_ATTRIBUTES,
            uapi.KVM_SET_MEMORY_ATTRIBUTES2,
        ),
    ),
    calls=(SET_ATTRIBUTES_CALL, SET_ATTRIBUTES2_CALL),
    gives=frozenset({Can.CONVERSIONS, Can.CONVERSION_RANGES}),
)
USER_REGION = KernelEvent(
    code=RecordCode.USER_REGION,
    recorded=Recorded.AS_PROBE,
    shapes=(
        Shape((Part(0, "fd"), *_REGION, *_GMEM), HAS_GMEM),
        Shape((Part(0, "fd"), *_REGION)),
    ),
    probes=(
        _event_probe(
            "set_region",
            _READ_REGION,
            "memslots set by KVM_SET_USER_MEMORY_REGION",
            uapi.KVM_SET_USER_MEMORY_REGION,
        ),
        _event_probe(
            "set_region2",
            f"{_READ_REGION} {_READ_GMEM}",
            "memslots set by KVM_SET_USER_MEMORY_REGION2",
            uapi.KVM_SET_USER_MEMORY_REGION2,
        ),
    ),
    calls=(SET_REGION_CALL,),
    gives=frozenset({Can.MEMSLOTS}),
)
USER_GUEST_MEMFD = KernelEvent(
    code=RecordCode.USER_GUEST_MEMFD,
    recorded=Recorded.AS_PROBE,
    shapes=(Shape(parts("fd", "size", "flags")),),
    probes=(
        _event_probe(
            "create_guest_memfd",
            _struct(uapi.CREATE_GUEST_MEMFD, size="x64", flags="x64"),
            "the size and flags of guest_memfds",
            uapi.KVM_CREATE_GUEST_MEMFD,
        ),
    ),
    calls=(CREATE_GUEST_MEMFD_CALL,),
    gives=frozenset({Can.GUEST_MEMFDS}),
)
USER_ENC_REGION = KernelEvent(
    code=RecordCode.USER_ENC_REGION,
    recorded=Recorded.AS_PROBE,
    shapes=(Shape((*parts("fd", "addr", "size"), Part(3, "cmd", default=0))),),
    probes=(
        _event_probe(
            "enc_region",
            f"cmd=$cmd:x32 {_struct(uapi.ENC_REGION, addr='x64', size='x64')}",
            "the ranges of memory registered for encryption",
            uapi.KVM_MEMORY_ENCRYPT_REG_REGION,
            uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION,
        ),
    ),
    calls=(
        registration(
            CallCode.REGISTER_REGION,
            Kind.REGISTER_REGION,
            Letter("E", "MEMORY_ENCRYPT_REG_REGION", STRUCT, 2, uapi.KVM_MEMORY_ENCRYPT_REG_REGION),
        ),
        registration(
            CallCode.UNREGISTER_REGION,
            Kind.UNREGISTER_REGION,
            Letter(
                "D", "MEMORY_ENCRYPT_UNREG_REGION", STRUCT, 2, uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION
            ),
        ),
    ),
    gives=frozenset({Can.REGION_REGISTRATIONS}),
)

_WORDS = " ".join(f"f{i}=+u{8 * i}($arg3):x64" for i in range(6))


def _vm_ioctl(fields: str) -> Probe:
    """kvm_vm_ioctl(struct file *filp, unsigned int ioctl, unsigned long arg) in kvm_main.c."""
    condition = commands(*IOCTLS).text()
    return Probe("p", "vm_ioctl", "kvm_vm_ioctl", fields, condition, "what memslot calls hold")


VM_IOCTL = KernelEvent(
    # The first probe that the kernel accepts does what the event probes do, but for ioctls on other
    # files than VMs: KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd.
    code=RecordCode.VM_IOCTL,
    recorded=Recorded.AS_PROBE,
    shapes=(
        Shape(
            (
                Part(0, "kvm", default=0),
                *parts("cmd", "f0", "f1", "f2", "f3", "f4", "f5", first=1),
            )
        ),
    ),
    probes=(
        _vm_ioctl(f"kvm=filp->private_data:x64 cmd=$arg2:x32 {_WORDS}"),  # with BTF
        _vm_ioctl(f"cmd=$arg2:x32 {_WORDS}"),
    ),
    returns=RecordCode.VM_IOCTL_RETURN,
    functions=("kvm_vm_ioctl",),
    return_gives=frozenset({Can.CONVERSION_RESULTS}),
    calls=(SET_ATTRIBUTES_CALL, SET_REGION_CALL, CREATE_GUEST_MEMFD_CALL),
    gives=frozenset(
        {
            Can.CONVERSIONS,
            Can.CONVERSION_RANGES,
            Can.MEMSLOTS,
            Can.GUEST_MEMFDS,
            Can.REGION_REGISTRATIONS,
        }
    ),
)
SET_MEMSLOT = KernelEvent(
    code=RecordCode.SET_MEMSLOT,
    recorded=Recorded.BY_OTHERS,
    shapes=(
        Shape((Part(0, "kvm"), *_REGION, *_GMEM), HAS_GMEM),
        Shape((Part(0, "kvm"), *_REGION)),
    ),
    returns=RecordCode.SET_MEMSLOT_RETURN,
    functions=("__kvm_set_memory_region", "kvm_set_memory_region"),
    calls=(SET_REGION_CALL,),
    gives=frozenset({Can.MEMSLOTS}),
)
POST_ATTRIBUTES = KernelEvent(
    code=RecordCode.POST_ATTRIBUTES,
    recorded=Recorded.BY_OTHERS,
    shapes=(
        Shape(
            (
                Part(0, "kvm"),
                Part(1, "slot_id", default=-1),
                *parts("start", "end", "attr", first=2),
            )
        ),
    ),
    functions=("kvm_arch_post_set_memory_attributes",),
    calls=(SET_ATTRIBUTES_CALL,),
    gives=frozenset({Can.CONVERSIONS, Can.CONVERSION_RANGES, Can.CONVERSION_RESULTS}),
)
GMEM_FALLOCATE = KernelEvent(
    code=RecordCode.GMEM_FALLOCATE,
    recorded=Recorded.BY_OTHERS,
    shapes=(Shape(parts("file", "mode", "off", "len")),),
    returns=RecordCode.GMEM_FALLOCATE_RETURN,
    functions=("kvm_gmem_fallocate",),
    calls=FALLOCATE_ENTER.calls,
    gives=frozenset({Can.FALLOCATE}),
)
GMEM_CREATE = KernelEvent(
    code=RecordCode.GMEM_CREATE,
    recorded=Recorded.BY_OTHERS,
    shapes=(Shape(parts("kvm", "size", "flags")),),
    returns=RecordCode.GMEM_CREATE_RETURN,
    functions=("kvm_gmem_create", "__kvm_gmem_create"),
    calls=(CREATE_GUEST_MEMFD_CALL,),
    gives=frozenset({Can.GUEST_MEMFDS}),
)
