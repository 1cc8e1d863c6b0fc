"""The live memslots of one VM, changed by the rules of KVM (virt/kvm/kvm_main.c)."""

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from app.model.guest import (
    KVM_MEM_GUEST_MEMFD,
    KVM_MEM_READONLY,
    PAGE_SHIFT,
    Certainty,
    GuestMemfd,
    Memslot,
    backing_of,
)
from collector.assemble.memslots._mapped import (
    LAST_BYTE,
    Mapped,
    Mapping,
    Mappings,
    Offsets,
    SlotKey,
)

View = Callable[[Memslot], Mapping | None]
"""What a slot shows of something that is not the guest's: [start, end) and the gfn of start."""

Inode = tuple[int, int]
"""st_dev and st_ino, as stat(2) returns them."""

InodeOf = Callable[[int, int], Inode | None]
"""Which guest_memfd a process has open under an fd; None if it is gone."""

NO_ID = -(1 << 31)
"""Below all ids, those of slots of unknown id too."""


@dataclass(eq=False, slots=True)
class GuestMemfdFile:
    """An open guest_memfd, whichever fd numbers name it. `flags` is None if its creation was not
    seen, `inode` if nothing named it."""

    size: int | None = None
    flags: int | None = None
    flags_certainty: Certainty = Certainty.UNKNOWN
    inode: Inode | None = None
    lost_something: bool = False  # events were lost since it was open
    holds_attributes: bool = False  # its pages were converted in place: they are its, not gfns'
    placements: set[int] = field(default_factory=set)  # gfns of its start while it held some
    stray: GuestMemfd | None = None  # its VM is not known yet: to be reported then


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
    _of_file: dict[GuestMemfdFile, Mapped] = field(default_factory=dict)
    _views: dict[View, Mapped] = field(default_factory=dict)

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
        self.put(new, file)
        return LayoutChange(gone, new)

    def put(self, memslot: Memslot, file: GuestMemfdFile | None) -> None:
        """Add a slot where `meets` finds none."""
        key = memslot.as_id, memslot.slot
        self.slots[key] = BoundSlot(memslot, file)
        insort(self._by_gfn, (memslot.as_id, memslot.base_gfn, memslot.slot))
        if file is not None:
            self._of_file.setdefault(file, Mapped()).put(key, _view_of_file(memslot))
        for view, mapped in self._views.items():
            _map(mapped, key, view(memslot))

    def meets(self, as_id: int, base_gfn: int, npages: int) -> bool:
        """Whether a live slot of the address space shares a page with a range."""
        return bool(self._overlapping(as_id, base_gfn, base_gfn + npages))

    def unnamed_id(self) -> int:
        """A number for a slot whose id is not known: negative, as no id is."""
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
        """Of what is mapped, not of who shows it."""
        return LiveMemslots(self.is_complete, dict(self.slots), list(self._by_gfn))

    def binds(self, file: GuestMemfdFile) -> bool:
        return file in self._of_file

    def bound_to(self, file: GuestMemfdFile) -> list[Memslot]:
        return [self.slots[key].memslot for key in self._of_file.get(file, ())]

    def views_of_file(self, file: GuestMemfdFile, starts: Offsets, ends: Offsets) -> Mappings:
        """Of the slots bound to a file those that show any of the ranges, and perhaps others; in
        bytes. A range of a guest_memfd is bound once at most: they do not overlap."""
        return self._of_file[file].near(starts, ends)

    def hvas(self, starts: Offsets, ends: Offsets) -> Mappings:
        """Of all slots those whose shared half meets any of the ranges, and perhaps others."""
        return self._view(_view_of_hva).near(starts, ends)

    def gpas(self, starts: Offsets, ends: Offsets) -> Mappings:
        """The same of guest physical addresses, in all address spaces."""
        return self._view(_view_of_gpa).near(starts, ends)

    def _view(self, view: View) -> Mapped:
        """Kept from when it is first asked for."""
        if view not in self._views:
            self._views[view] = mapped = Mapped()
            for key, bound in self.slots.items():
                _map(mapped, key, view(bound.memslot))
        return self._views[view]

    def _delete(self, key: tuple[int, int]) -> LayoutChange:
        return LayoutChange((key,)) if self._forget(key) else LayoutChange()

    def _forget(self, key: tuple[int, int]) -> bool:
        bound = self.slots.pop(key, None)
        if bound is None:
            return False
        slot = bound.memslot
        del self._by_gfn[bisect_left(self._by_gfn, (slot.as_id, slot.base_gfn, slot.slot))]
        for mapped in self._views.values():
            mapped.pop(key)
        if bound.file is not None:
            self._of_file[bound.file].pop(key)
            if not self._of_file[bound.file]:
                del self._of_file[bound.file]
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


def _map(mapped: Mapped, key: SlotKey, mapping: Mapping | None) -> None:
    if mapping is not None:
        mapped.put(key, mapping)


def _view_of_hva(memslot: Memslot) -> Mapping | None:
    """Of its shared half in the VMM's memory; None: not known."""
    start = memslot.userspace_addr
    return None if start is None else _view_from(start, memslot)


def _view_of_gpa(memslot: Memslot) -> Mapping:
    return _view_from(memslot.base_gfn << PAGE_SHIFT, memslot)


def _view_of_file(memslot: Memslot) -> Mapping:
    return _view_from(memslot.guest_memfd_offset or 0, memslot)


def _view_from(start: int, memslot: Memslot) -> Mapping:
    end = min(start + (memslot.npages << PAGE_SHIFT), LAST_BYTE)
    return start, end, memslot.base_gfn


def _where(region: Region) -> tuple[int, int, int]:
    return region.as_id, region.base_gfn, region.base_gfn + region.npages


def _differ(one: int | None, other: int | None) -> bool:
    """Whether two values certainly differ."""
    return one is not None and other is not None and one != other


def _readonly(flags: int | None) -> int | None:
    return None if flags is None else flags & KVM_MEM_READONLY
