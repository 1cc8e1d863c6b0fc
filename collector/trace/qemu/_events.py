"""The trace events of QEMU that concern guest memory, and how their lines look.

Their texts are those of the trace-events files of accel/kvm, target/i386/kvm and system (softmmu
until 8.0) in QEMU 7.2 to 11.
"""

from enum import IntEnum

from collector.codes import HAS_GMEM
from collector.kvm import uapi
from collector.trace.qemu._scanning import IGNORED
from collector.trace.text import Store, Template, constant


class QemuCode(IntEnum):
    """What a row is; the docstring names v[0], v[1], ... Gaps are as in RecordCode: 30 and 31."""

    SET_USER_MEMORY = 1
    """kvm_set_user_memory, printed when KVM has answered: slot | address space << 16 | flags << 32,
    gpa, size, ua, guest_memfd_offset, guest_memfd, ret."""
    CONVERT = 2
    """kvm_convert_memory, printed before QEMU checks anything: start, size, attributes."""
    MEMORY_FAULT = 3
    """kvm_memory_fault: start, size, flags."""
    MAP_GPA_RANGE = 4
    """kvm_hc_map_gpa_range: gpa, size (bytes), attributes, flags."""
    RUN_EXIT = 5
    """kvm_run_exit: cpu_index, reason."""
    DISCARD = 6
    """ram_block_discard_shared_range (ram_block_discard_range before guest_memfd came): hva,
    length, madvise, fallocate, ret."""
    STATE_CHANGE = 7
    """ram_block_attributes_state_change, printed when KVM has applied a conversion: offset in the
    RAM block, size, attributes."""
    SNP_LAUNCH_UPDATE = 8
    """kvm_sev_snp_launch_update: src, gpa, len."""
    INIT_VCPU = 9
    """kvm_init_vcpu, by the vCPU's thread: index."""
    CREATE_VM = 10
    """kvm_ioctl of KVM_CREATE_VM, printed before the call: type."""
    SLOTS_GROW = 11
    """kvm_slots_grow: how many there was room for, and is."""
    SET_ATTRIBUTES = 12
    """kvm_vm_ioctl of KVM_SET_MEMORY_ATTRIBUTES, printed before the call: nothing."""
    FAILED = 13
    """QEMU's message that a conversion failed: start, size, attributes, errno (0: not recorded)."""
    REGISTER_REGION = 14
    """kvm_memcrypt_register_region, printed before the call: hva, length."""
    UNREGISTER_REGION = 15
    """kvm_memcrypt_unregister_region: hva, length."""


_PRIVATE = constant(2, uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE)
_SLOT_STORES = (Store(0, shift=16), Store(0))
_REGION_STORES = (Store(0, shift=32), Store(1), Store(2), Store(3))
_NOTHING = Template(IGNORED, "type %")


def _slots(head: str, heads: tuple[Store, ...], tail: str, tails: tuple[Store, ...]) -> Template:
    flags = HAS_GMEM if "memfd" in tail else 0
    pattern = f"{head} flags=% gpa=% size=% ua=%{tail} ret=#"
    stores = (*heads, *_REGION_STORES, *tails, Store(6))
    return Template(QemuCode.SET_USER_MEMORY, pattern, stores, flags=flags)


_SPACE, _GMEM = "AddrSpace### Slot###", " guest_memfd=# guest_memfd_offset=%"
_DISCARD = Template(QemuCode.DISCARD, "~@% + %: madvise: # fallocate: # ret: #")
_REGION = "addr % len %"

_EVENTS: dict[str, tuple[Template, ...]] = {
    "kvm_set_user_memory": (
        _slots(_SPACE, _SLOT_STORES, _GMEM, (Store(5), Store(4))),
        _slots(_SPACE, _SLOT_STORES, "", ()),
        _slots("Slot###", (Store(0),), "", ()),
    ),
    "kvm_convert_memory": (
        Template(QemuCode.CONVERT, "start % size % shared_to_private", constants=(_PRIVATE,)),
        Template(QemuCode.CONVERT, "start % size % private_to_shared"),
    ),
    "kvm_memory_fault": (Template(QemuCode.MEMORY_FAULT, "start % size % flags %"),),
    "kvm_hc_map_gpa_range": (
        Template(QemuCode.MAP_GPA_RANGE, "gpa % size % attributes % flags %"),
    ),
    "kvm_run_exit": (Template(QemuCode.RUN_EXIT, "cpu_index #, reason #"),),
    "kvm_init_vcpu": (Template(QemuCode.INIT_VCPU, "index: # id: #"),),
    "kvm_slots_grow": (Template(QemuCode.SLOTS_GROW, "# -> #"),),
    "ram_block_discard_shared_range": (_DISCARD,),
    "ram_block_discard_range": (_DISCARD,),
    "ram_block_attributes_state_change": (
        Template(
            QemuCode.STATE_CHANGE,
            "offset % size % from '~' to 'discarded'",
            constants=(_PRIVATE,),
        ),
        Template(QemuCode.STATE_CHANGE, "offset % size % from '~' to 'populated'"),
    ),
    "kvm_sev_snp_launch_update": (Template(QemuCode.SNP_LAUNCH_UPDATE, "src % gpa % len %"),),
    "kvm_memcrypt_register_region": (Template(QemuCode.REGISTER_REGION, _REGION),),
    "kvm_memcrypt_unregister_region": (Template(QemuCode.UNREGISTER_REGION, _REGION),),
    "kvm_ioctl": (
        Template(QemuCode.CREATE_VM, f"type {uapi.KVM_CREATE_VM:#x}, arg (nil)"),
        Template(QemuCode.CREATE_VM, f"type {uapi.KVM_CREATE_VM:#x}, arg %"),
        _NOTHING,
    ),
    "kvm_vm_ioctl": (
        Template(QemuCode.SET_ATTRIBUTES, f"type {uapi.KVM_SET_MEMORY_ATTRIBUTES:#x}, arg"),
        _NOTHING,
    ),
}


def templates_of(name: str, payload: str) -> tuple[Template, ...]:
    """How the lines of an event look; none if it is not needed."""
    del payload  # which is as its name has it
    return _EVENTS.get(name, ())
