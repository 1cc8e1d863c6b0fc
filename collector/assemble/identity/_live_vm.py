"""A VM that is followed through a recording, and what a descriptor may name."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from app.model.events import EventArray
from app.model.guest import Certainty, PageState, VmIdentity
from collector.assemble.memslots import GuestMemfdFile, LiveMemslots

UNATTRIBUTED = VmIdentity(
    name="unattributed",
    pid=None,
    vm_fd=None,
    created_t=None,
    created_certainty=Certainty.UNKNOWN,
    start_state=PageState.UNKNOWN,
    is_unattributed=True,
)
"""Holds what belongs to no VM that is known."""


@dataclass(eq=False, slots=True)
class LiveVm:
    """A VM and what names it now. `reported` is what the sink knows of it."""

    sink_id: int
    identity: VmIdentity
    reported: VmIdentity
    process: int | None
    layout: LiveMemslots
    fds: set[int] = field(default_factory=set)
    vcpu_fds: int = 0
    vcpu_of_thread: dict[int, int] = field(default_factory=dict)
    files: list[GuestMemfdFile] = field(default_factory=list)
    last_t: int = 0
    regions_are_gpas: bool = False  # see hva_ranges
    pins_regions: bool = False  # the other dialect: some were of its memory
    lost_something: bool = False  # since it came to be
    unreported_gaps: int = 0  # losses under way when it came to be, of which it has no event yet
    may_be_another: bool = False  # events were lost since a call last named it
    has_ended: bool = False

    @property
    def kvm(self) -> int | None:
        return self.identity.kvm_pointer

    @property
    def was_made_here(self) -> bool:
        """In the recording, not before it."""
        return self.identity.created_certainty != Certainty.UNKNOWN


@dataclass(eq=False, slots=True)
class Vcpu:
    vm: LiveVm
    vcpu_id: int


OpenFile = LiveVm | Vcpu | GuestMemfdFile
Append = Callable[[LiveVm, EventArray], None]
"""Gives a VM its next events."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who made a call on what. `fd` and `kvm` as in CALL: negative and 0 if unknown."""

    tid: int
    fd: int
    kvm: int


def caller_of(call: np.void) -> Caller:
    """Of a row of CALL."""
    return Caller(int(call["tid"]), int(call["fd"]), int(call["kvm"]))
