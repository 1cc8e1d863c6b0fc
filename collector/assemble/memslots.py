"""The live memslots of one VM, changed by the rules of KVM (virt/kvm/kvm_main.c)."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field, replace

from app.model.events import PAGE_SHIFT, Certainty
from app.model.layout import KVM_MEM_GUEST_MEMFD, KVM_MEM_READONLY, GuestMemfd, Memslot, backing_of

KVM_USER_MEM_SLOTS = 32764
"""x86: ids from here on belong to KVM itself (KVM_SET_TSS_ADDR and the like)."""

Inode = tuple[int, int]
"""st_dev and st_ino, as stat(2) tells them."""

NO_ID = -(1 << 31)
"""Below all ids, those of slots of unknown id too."""


@dataclass(eq=False, slots=True)
class GuestMemfdFile:
    """An open guest_memfd, whichever fd numbers name it. `flags` is None if its creation was not
    seen, `inode` if nothing told it."""

    size: int | None = None
    flags: int | None = None
    flags_certainty: Certainty = Certainty.UNKNOWN
    inode: Inode | None = None
    holds_attributes: bool = False  # its pages were converted in place: they are its, not gfns'
    placements: set[int] = field(default_factory=set)  # gfns of its start while it held some
    stray: GuestMemfd | None = None  # which VM it is of is not known yet: what will be told then


@dataclass(frozen=True, slots=True)
class Region:
    """The arguments of one KVM_SET_USER_MEMORY_REGION(2) call, in bytes as the VMM passed them.

    Of a slot that was found and not seen to be set, some may be unknown (None).
    """

    as_id: int
    slot: int
    flags: int | None
    gpa: int
    size: int
    hva: int | None
    guest_memfd: int | None = None
    guest_memfd_offset: int | None = None

    @property
    def base_gfn(self) -> int:
        return self.gpa >> PAGE_SHIFT

    @property
    def npages(self) -> int:
        return self.size >> PAGE_SHIFT

    @property
    def uses_guest_memfd(self) -> bool:
        return bool(self.flags is not None and self.flags & KVM_MEM_GUEST_MEMFD)


@dataclass(frozen=True, slots=True)
class LayoutChange:
    """What a successful call did: slots that went (as_id, slot), then the one that came."""

    deleted: tuple[tuple[int, int], ...] = ()
    memslot: Memslot | None = None


@dataclass(frozen=True, slots=True)
class BoundSlot:
    """A live memslot together with the guest_memfd behind it."""

    memslot: Memslot
    file: GuestMemfdFile | None


@dataclass(eq=False, slots=True)
class LiveMemslots:
    """What is mapped now. `is_complete` is False while slots may exist that were never seen."""

    is_complete: bool
    slots: dict[tuple[int, int], BoundSlot] = field(default_factory=dict)
    _by_gfn: list[tuple[int, int, int]] = field(default_factory=list)  # as_id, base_gfn, slot

    def apply(self, region: Region, file: GuestMemfdFile | None, t: int) -> LayoutChange:
        """Carry out a call that succeeded at `t`.

        A live slot that KVM would have refused to share the address space with must have been
        deleted by a call that was not recorded: it goes first.
        """
        key = (region.as_id, region.slot)
        old = self.slots.get(key)
        if region.size == 0:
            return self._delete(key if old is not None else self._unnamed_at(region))
        new = self._memslot(region, file, t)
        if old is not None and replace(new, from_t=old.memslot.from_t) == old.memslot:
            return LayoutChange()
        gone = tuple(k for k in self._overlapping(*_where(region)) if k != key)
        for other in gone:
            self._forget(other)
        self._forget(key)
        self.slots[key] = BoundSlot(new, file)
        insort(self._by_gfn, (new.as_id, new.base_gfn, new.slot))
        return LayoutChange(gone, new)

    def put(self, memslot: Memslot, file: GuestMemfdFile | None) -> None:
        """Add a slot that was found, where `meets` says that none is."""
        self.slots[memslot.as_id, memslot.slot] = BoundSlot(memslot, file)
        insort(self._by_gfn, (memslot.as_id, memslot.base_gfn, memslot.slot))

    def meets(self, as_id: int, base_gfn: int, npages: int) -> bool:
        """Whether a live slot of the address space shares a page with a range."""
        return bool(self._overlapping(as_id, base_gfn, base_gfn + npages))

    def unnamed_id(self) -> int:
        """A number for a slot whose id nothing told: negative, as no id is."""
        return min(0, *(slot for _, slot in self.slots), 0) - 1

    def would_refuse(self, region: Region) -> bool:
        """Whether KVM would have failed a call on this layout that in truth succeeded.

        kvm_set_memory_region(): deleting nothing, changing the size, the address or READONLY of a
        slot, touching a slot with a guest_memfd, and overlaps are errors.
        """
        old = self.slots.get((region.as_id, region.slot))
        if region.size == 0:
            return old is None and self.is_complete
        if old is not None:
            slot = old.memslot
            if (
                region.uses_guest_memfd
                or region.npages != slot.npages
                or _differ(region.hva, slot.userspace_addr)
                or _differ(_readonly(region.flags), _readonly(slot.flags))
            ):
                return True
        return any(k != (region.as_id, region.slot) for k in self._overlapping(*_where(region)))

    def copy(self) -> "LiveMemslots":
        return LiveMemslots(self.is_complete, dict(self.slots), list(self._by_gfn))

    def bound_to(self, file: GuestMemfdFile) -> list[Memslot]:
        return [bound.memslot for bound in self.slots.values() if bound.file is file]

    def _delete(self, key: tuple[int, int]) -> LayoutChange:
        return LayoutChange((key,)) if self._forget(key) else LayoutChange()

    def _forget(self, key: tuple[int, int]) -> bool:
        bound = self.slots.pop(key, None)
        if bound is None:
            return False
        slot = bound.memslot
        del self._by_gfn[bisect_left(self._by_gfn, (slot.as_id, slot.base_gfn, slot.slot))]
        return True

    def _unnamed_at(self, region: Region) -> tuple[int, int]:
        """The slot of unknown id that a call means by its address, as QEMU passes it: KVM itself
        goes by the id alone."""
        for as_id, slot in self._overlapping(region.as_id, region.base_gfn, region.base_gfn + 1):
            if slot < 0 and self.slots[as_id, slot].memslot.base_gfn == region.base_gfn:
                return as_id, slot
        return region.as_id, region.slot

    def _overlapping(self, as_id: int, first: int, end: int) -> list[tuple[int, int]]:
        """Live slots of the address space that share a page with [first, end).

        Live slots never overlap each other, so only the one that begins before the region can
        reach into it.
        """
        at = bisect_left(self._by_gfn, (as_id, first, NO_ID))
        found = []
        if at > 0:
            before = self.slots[self._key_at(at - 1)].memslot
            if before.as_id == as_id and before.end_gfn > first:
                found.append(self._key_at(at - 1))
        while at < len(self._by_gfn) and self._by_gfn[at][:2] < (as_id, end):
            found.append(self._key_at(at))
            at += 1
        return found

    def _key_at(self, position: int) -> tuple[int, int]:
        as_id, _, slot = self._by_gfn[position]
        return as_id, slot

    @staticmethod
    def _memslot(region: Region, file: GuestMemfdFile | None, t: int) -> Memslot:
        flags = file.flags if file is not None else None
        certainty = Certainty.SEEN
        if region.uses_guest_memfd:
            certainty = file.flags_certainty if file is not None else Certainty.UNKNOWN
            certainty = max(certainty, Certainty.INFERRED)
        return Memslot(
            slot=region.slot,
            base_gfn=region.base_gfn,
            npages=region.npages,
            flags=region.flags,
            backing=backing_of(region.flags or 0, flags),
            backing_certainty=certainty,
            userspace_addr=region.hva,
            guest_memfd=region.guest_memfd if region.uses_guest_memfd else None,
            guest_memfd_offset=region.guest_memfd_offset if region.uses_guest_memfd else None,
            as_id=region.as_id,
            from_t=t,
        )


def hva_range(memslot: Memslot) -> tuple[int, int] | None:
    """[start, end) of its shared half in the VMM's memory; None: not known."""
    if memslot.userspace_addr is None:
        return None
    return memslot.userspace_addr, memslot.userspace_addr + (memslot.npages << PAGE_SHIFT)


def _where(region: Region) -> tuple[int, int, int]:
    return region.as_id, region.base_gfn, region.base_gfn + region.npages


def _differ(one: int | None, other: int | None) -> bool:
    """Whether two values certainly differ."""
    return one is not None and other is not None and one != other


def _readonly(flags: int | None) -> int | None:
    return None if flags is None else flags & KVM_MEM_READONLY
