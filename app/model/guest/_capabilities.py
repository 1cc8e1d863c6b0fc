"""What may be asked of a recording."""

from enum import StrEnum


class Capability(StrEnum):
    """A question about guest memory that a recording answers or leaves open."""

    CONVERSIONS = "conversions"
    CONVERSION_RANGES = "conversion-ranges"
    REQUESTED_RANGES = "requested-ranges"
    CONVERSION_RESULTS = "conversion-results"
    CAUSES = "causes"
    MEMSLOTS = "memslots"
    VM_CREATION = "vm-creation"
    PROCESS_IDENTITY = "process-identity"
    FD_LIFETIMES = "fd-lifetimes"
    GUEST_MEMFDS = "guest-memfds"
    FALLOCATE = "fallocate"
    HYPERCALLS = "hypercalls"
    PAGE_FAULTS = "page-faults"
    UNMAPS = "unmaps"
    VCPU_THREADS = "vcpu-threads"
    IN_PLACE_CONVERSIONS = "in-place-conversions"
    REGION_REGISTRATIONS = "region-registrations"
    BACKING = "backing"
    PHASE_MARKS = "phase-marks"
