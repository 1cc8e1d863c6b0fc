"""Memslots, guest_memfds and VMs as the model sees them: small frozen facts with a lifetime."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.model.guest._states import GFN_LIMIT, Certainty, PageState

FOR_EVER = 1 << 62
"""After every instant of every recording."""
KVM_MEM_LOG_DIRTY_PAGES = 1 << 0
KVM_MEM_READONLY = 1 << 1
KVM_MEM_GUEST_MEMFD = 1 << 2
GUEST_MEMFD_FLAG_MMAP = 1 << 0
GUEST_MEMFD_FLAG_INIT_SHARED = 1 << 1
KVM_MEMORY_ATTRIBUTE_PRIVATE = 1 << 3
"""Of include/uapi/linux/kvm.h, what stored memslots, guest_memfds and conversions (`aux`) hold."""


class Backing(StrEnum):
    """What backs a memslot (the three configurations of the 2022 private-memory discussion)."""

    HVA = "hva"
    """userspace_addr only: can never be private."""
    MIXED = "mixed"
    """userspace_addr for the shared half, a guest_memfd for the private half."""
    GMEM = "gmem"
    """A mappable guest_memfd (GUEST_MEMFD_FLAG_MMAP) for both halves."""

    @property
    def can_be_private(self) -> bool:
        return self is not Backing.HVA


def backing_of(slot_flags: int, guest_memfd_flags: int | None) -> Backing:
    """Classify a memslot by its flags and those its guest_memfd was created with (None: unseen).

    KVM marks a slot KVM_MEMSLOT_GMEM_ONLY when the guest_memfd can be mapped (Linux 6.18,
    virt/kvm/guest_memfd.c, kvm_gmem_bind). A guest_memfd whose creation was not seen is taken as
    not mappable; the caller marks that by `Memslot.backing_certainty`.
    """
    if not slot_flags & KVM_MEM_GUEST_MEMFD:
        return Backing.HVA
    if guest_memfd_flags is not None and guest_memfd_flags & GUEST_MEMFD_FLAG_MMAP:
        return Backing.GMEM
    return Backing.MIXED


@dataclass(frozen=True, slots=True)
class Memslot:
    """One memslot between two calls that changed it. Half-open in gfns and in time."""

    slot: int  # negative: it has an id, but it is not known which
    base_gfn: int
    npages: int
    flags: int | None  # None: not recorded
    backing: Backing
    backing_certainty: Certainty
    userspace_addr: int | None  # None: not recorded
    guest_memfd: int | None = None  # the VMM's fd number
    guest_memfd_offset: int | None = None  # bytes
    as_id: int = 0
    from_t: int = 0  # ns since the recording's start
    to_t: int | None = None  # None while alive

    @property
    def end_gfn(self) -> int:
        return self.base_gfn + self.npages

    @property
    def end_t(self) -> int:
        """As `to_t`; of one that is still there, after every instant."""
        return FOR_EVER if self.to_t is None else self.to_t

    def is_alive_at(self, t: int) -> bool:
        return self.from_t <= t < self.end_t

    def was_alive_in(self, from_t: int | None, to_t: int | None) -> bool:
        """At some instant of [from_t, to_t); None stands for no bound."""
        began = to_t is None or self.from_t < to_t
        return began and (from_t is None or self.end_t > from_t)


@dataclass(frozen=True, slots=True)
class GuestMemfd:
    """A guest_memfd by the first fd that named it. `dev` and `ino` name it in the page cache."""

    fd: int
    size: int  # bytes
    flags: int | None  # of its creation; None: not seen
    created_t: int | None  # ns since the recording's start; None: before it
    dev: int | None = None  # st_dev
    ino: int | None = None


@dataclass(frozen=True, slots=True)
class VmIdentity:
    """Which VM, as far as the recording shows."""

    name: str  # what people call it: the VMM's -name if known, else its command name
    pid: int | None  # thread group of the VMM
    vm_fd: int | None
    created_t: int | None  # ns since the recording's start; None: before it
    created_certainty: Certainty  # UNKNOWN: it was there before the recording
    start_state: PageState  # SHARED if its creation was seen or inferred, else UNKNOWN
    vm_type: int | None = None  # KVM_CREATE_VM's argument
    kvm_pointer: int | None = None  # struct kvm *, from kprobes
    process_start_ns: int | None = None  # boot clock; with `pid`, it names a process for good
    uuid: str | None = None  # what the VMM's command line calls the guest, as libvirt does
    is_unattributed: bool = False  # holds the events that belong to no VM that is known
    may_be_several: bool = False
    """Calls of several VMs may have been taken for its, or some of its calls for another's."""


def require_pages(memslots: Iterable[Memslot]) -> None:
    """Raises ValueError unless all of them lie where a guest's pages may lie."""
    for slot in memslots:
        if not 0 <= slot.base_gfn < slot.end_gfn <= GFN_LIMIT:
            raise ValueError(f"no memslot lies at gfns {slot.base_gfn:#x} to {slot.end_gfn:#x}")
