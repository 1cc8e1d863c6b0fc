"""What a recording can show, and in plain words what it cannot and what that costs its reader."""

from collections.abc import Mapping
from typing import Any

from app.model.capabilities import Capability as Capability

COST_OF_MISSING: dict[Capability, str] = {
    Capability.CONVERSIONS: (
        "Conversions were not recorded: private and shared pages cannot be told apart."
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
        "No thread was seen to be made: where nothing else tells which process one belongs to, its"
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
}


def describe_coverage(
    sees: Mapping[str, bool],
    *,
    events: Mapping[str, int] | None = None,
    unused_events: Mapping[str, int] | None = None,
    notes: tuple[str, ...] = (),
    costs: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The JSON-ready coverage kept with a recording.

    `events` and `unused_events` count records by "system:name"; `notes` are a source's own
    sentences and come before those of the missing capabilities, `costs` its own words for some of
    these; an empty one is not worth a word.
    """
    costs = {c.value: text for c, text in COST_OF_MISSING.items()} | dict(costs or {})
    missing = [c for c in Capability if not sees.get(c.value, False)]
    if sees.get(Capability.CONVERSION_RANGES, False) and Capability.REQUESTED_RANGES in missing:
        missing.remove(Capability.REQUESTED_RANGES)  # nothing has to be inferred
    if not sees.get(Capability.CONVERSION_RANGES, False):
        ranges = "inferred" if sees.get(Capability.REQUESTED_RANGES, False) else "none"
    else:
        ranges = "seen"
    return {
        "sees": {c.value: bool(sees.get(c.value, False)) for c in Capability},
        "conversion_ranges": ranges,
        "missing": [
            {"capability": c.value, "costs": costs[c.value]} for c in missing if costs[c.value]
        ],
        "notes": list(notes),
        "events": dict(events or {}),
        "unused_events": dict(unused_events or {}),
    }
