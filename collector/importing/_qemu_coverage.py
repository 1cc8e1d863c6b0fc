"""What a QEMU log can show and what it cannot, in its own words."""

import numpy as np
import numpy.typing as npt

from collector.coverage import Capability
from collector.trace.qemu import QemuCode, QemuLines

_CONVERSIONS = (QemuCode.CONVERT, QemuCode.STATE_CHANGE, QemuCode.SET_ATTRIBUTES)
_ANY_OF: dict[Capability, tuple[QemuCode, ...]] = {
    Capability.CONVERSIONS: _CONVERSIONS,
    Capability.CONVERSION_RANGES: (QemuCode.CONVERT, QemuCode.STATE_CHANGE),
    Capability.CONVERSION_RESULTS: (QemuCode.STATE_CHANGE,),
    Capability.CAUSES: (QemuCode.MEMORY_FAULT, QemuCode.MAP_GPA_RANGE),
    Capability.MEMSLOTS: (QemuCode.SET_USER_MEMORY,),
    Capability.VM_CREATION: (QemuCode.CREATE_VM,),
    Capability.HYPERCALLS: (QemuCode.MAP_GPA_RANGE,),
    Capability.UNMAPS: (QemuCode.DISCARD,),
    Capability.VCPU_THREADS: (QemuCode.RUN_EXIT, QemuCode.INIT_VCPU),
    Capability.REGION_REGISTRATIONS: (QemuCode.REGISTER_REGION, QemuCode.UNREGISTER_REGION),
}
"""An event that is not in a log was not traced, or did not happen: the log does not show which."""

COSTS: dict[str, str] = {
    Capability.CONVERSIONS: (
        "No conversion is in this log: none was made, or kvm_convert_memory (QEMU 9.1) was not"
        " traced."
    ),
    Capability.CONVERSION_RANGES: "",
    Capability.REQUESTED_RANGES: "",
    Capability.CONVERSION_RESULTS: (
        "QEMU prints kvm_convert_memory before it asks KVM. Without"
        " ram_block_attributes_state_change (QEMU 10.1) nothing shows that a conversion to shared"
        " was applied, and only ram_block_discard_shared_range shows it of one to private: the"
        " others are unconfirmed, and their pages unknown from then on."
    ),
    Capability.CAUSES: (
        "Neither kvm_memory_fault nor kvm_hc_map_gpa_range is in this log: why a conversion was"
        " made is not known."
    ),
    Capability.MEMSLOTS: (
        "kvm_set_user_memory is not in this log: the layout of guest memory and its backing are"
        " unknown; only pages that were converted appear."
    ),
    Capability.VM_CREATION: (
        "KVM_CREATE_VM (kvm_ioctl) is not in this log: that it begins with the VM is inferred from"
        " kvm_slots_grow, or not known; then its pages start as unknown."
    ),
    Capability.FD_LIFETIMES: "A QEMU log does not show when its VM ends.",
    Capability.GUEST_MEMFDS: (
        "A QEMU log does not show how a guest_memfd was created: whether it can be mapped is"
        " inferred."
    ),
    Capability.FALLOCATE: (
        "A QEMU log does not show when private memory is freed: which private pages are really"
        " backed is unknown."
    ),
    Capability.HYPERCALLS: (
        "kvm_hc_map_gpa_range is not in this log: the guest's own requests are missing."
    ),
    Capability.PAGE_FAULTS: "Guest page faults, and so accepts, are not in a QEMU log.",
    Capability.UNMAPS: (
        "ram_block_discard_shared_range is not in this log: when QEMU freed shared pages is"
        " missing."
    ),
    Capability.VCPU_THREADS: (
        "Neither kvm_run_exit nor kvm_init_vcpu is in this log: which thread runs which vCPU is not"
        " known."
    ),
    Capability.IN_PLACE_CONVERSIONS: "Conversions in place are not in a QEMU log.",
    Capability.REGION_REGISTRATIONS: (
        "kvm_memcrypt_register_region is not in this log: which memory was pinned for encryption is"
        " missing."
    ),
    Capability.BACKING: "How many private pages are allocated is not in a QEMU log.",
    Capability.PHASE_MARKS: "What a guest writes to ports is not in a QEMU log.",
}

_NO_TIMES = (
    "This log has no times (QEMU prints them with -msg timestamp=on): the order of events is known,"
    " when they were is not. Lines are counted instead; where data has to hold a time, one line is"
    " one microsecond. Rates and durations mean nothing here, and no storm can be found."
)
_NO_THREADS = "The lines of this log name no thread: who made a conversion is not known."
_NO_LATENCY = (
    "How long a conversion took is not in a QEMU log; that it was applied is known from what QEMU"
    " did next, and dated then."
)
_SET_UP = (
    "QEMU makes memory with a guest_memfd private as it sets a memslot. Only kvm_vm_ioctl records"
    " that, and it is not in this log: such pages are unknown until they are converted."
)


def costs_of(counts: npt.NDArray[np.int64]) -> dict[str, str]:
    """Where there is no conversion, nothing is missing of any."""
    if any(counts[code] for code in _CONVERSIONS):
        return COSTS
    return COSTS | dict.fromkeys((Capability.CONVERSION_RESULTS, Capability.CAUSES), "")


def sees_of(counts: npt.NDArray[np.int64]) -> dict[str, bool]:
    """By how many rows of each QemuCode there were."""
    sees = {c.value: any(counts[code] for code in codes) for c, codes in _ANY_OF.items()}
    return sees | {Capability.PROCESS_IDENTITY.value: True}


def notes_of(counts: npt.NDArray[np.int64], lines: QemuLines) -> tuple[str, ...]:
    used, _ = lines.event_counts()
    notes = []
    if not lines.has_times:
        notes.append(_NO_TIMES)
    if lines.stepped_back_ns:
        notes.append(
            f"The wall clock stepped back by up to {lines.stepped_back_ns / 1e6:,.3f} ms: the order"
            " of lines is kept, and time stands still there."
        )
    if not lines.has_threads:
        notes.append(_NO_THREADS)
    if counts[QemuCode.CONVERT]:
        notes.append(_NO_LATENCY)
    if "kvm_vm_ioctl" not in used:
        notes.append(_SET_UP)
    return tuple(notes)
