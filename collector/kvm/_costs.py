"""What it costs a reader that a recording cannot answer a question, in plain words."""

from typing import Final

from app.model.guest import Capability

COST_OF_MISSING: Final[dict[Capability, str]] = {
    Capability.CONVERSIONS: (
        "Conversions were not recorded: private and shared pages cannot be distinguished."
    ),
    Capability.CONVERSION_RANGES: (
        "The ranges of conversions are not in this recording: sys_enter_ioctl carries only a"
        " pointer. What a hypercall asked for is used and marked inferred; a conversion without"
        " one leaves every page that could be private unknown."
    ),
    Capability.REQUESTED_RANGES: (
        "Hypercalls were not recorded, so no range can be inferred from what the guest asked for."
    ),
    Capability.CONVERSION_RESULTS: (
        "Returns of calls were not recorded: no conversion is confirmed, and its pages are unknown"
        " from then on."
    ),
    Capability.CAUSES: (
        "Exits to user space were not recorded: whether the guest or the VMM wanted a conversion"
        " is not known."
    ),
    Capability.MEMSLOTS: (
        "The contents of memslot calls are not in this recording: the layout of guest memory and"
        " its backing are unknown; only pages that were converted appear."
    ),
    Capability.VM_CREATION: (
        "KVM_CREATE_VM was not recorded: a VM's creation is inferred from the file descriptor that"
        " an ioctl returned, or it is unknown and its pages start as unknown."
    ),
    Capability.PROCESS_IDENTITY: (
        "No thread was seen to be made: where nothing else names the process of one, its"
        " calls are kept apart or their pages are unknown, and VMs may be several."
    ),
    Capability.FD_LIFETIMES: (
        "Closing of file descriptors was not recorded: the end of a VM is inferred from the reuse"
        " of its descriptor."
    ),
    Capability.GUEST_MEMFDS: (
        "Creation of guest_memfds was not recorded: whether a slot's guest_memfd can be mapped is"
        " inferred."
    ),
    Capability.FALLOCATE: (
        "fallocate was not recorded: which private pages are really backed is unknown."
    ),
    Capability.HYPERCALLS: "kvm_hypercall was not recorded: the guest's own requests are missing.",
    Capability.PAGE_FAULTS: "kvm_page_fault was not recorded: guest faults are missing.",
    Capability.UNMAPS: (
        "kvm_unmap_hva_range was not recorded: when the host took shared pages away is missing."
    ),
    Capability.VCPU_THREADS: (
        "Which thread runs which vCPU was not recorded: threads are shown by their ids."
    ),
    Capability.IN_PLACE_CONVERSIONS: (
        "KVM_SET_MEMORY_ATTRIBUTES2 was not recorded: guest_memfd pages that were converted in"
        " place are shown in the state they had before."
    ),
    Capability.REGION_REGISTRATIONS: (
        "KVM_MEMORY_ENCRYPT_REG_REGION and UNREG_REGION were not recorded: which memory was pinned"
        " for encryption is missing."
    ),
    Capability.BACKING: (
        "The page cache of guest_memfds was not recorded: how many private pages are really"
        " allocated is known from fallocate and from counts at single instants only."
    ),
    Capability.PHASE_MARKS: (
        "What guests write to ports 0x80, 0x402 and 0xf4 (kvm_pio) was not recorded: when firmware"
        " and boot came to which phase is missing."
    ),
}
