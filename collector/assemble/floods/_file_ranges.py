"""What is done to a guest_memfd, in guest pages: fallocate, conversions in place, its page cache.

A conversion in place that meets several memslots becomes a row for each, as it concerns each part
of the guest by itself.
"""

from collections.abc import Iterator

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import PAGE_SHIFT, Certainty, EventKind, Outcome
from collector.assemble.floods._groups import Groups, IndexArray
from collector.assemble.identity import Finder, LiveVm, Vms
from collector.assemble.memslots import (
    Extra,
    GuestMemfdFile,
    Offsets,
    ends_of,
    extra,
    first_state,
    keys_before,
    pieces,
    place_within_one,
)
from collector.codes import SAW_STRUCT, CallCode
from collector.kvm.catalogue import VmBy
from collector.records import CallArray

PAGE_CACHE = (CallCode.PAGE_CACHE_ADD, CallCode.PAGE_CACHE_DELETE)
Owned = tuple[LiveVm | None, IndexArray]
"""The calls that are of a VM. None: of one that is not known."""
Placed = tuple[list[Owned], list[tuple[LiveVm, Extra]]]


class FileRanges:
    """Fills in the rows of a flood's calls on guest_memfds, and finds whose they are."""

    def __init__(self, vms: Vms) -> None:
        self._vms = vms
        self._finder = Finder(vms)
        self.strange_calls = 0
        """fallocate of files that are no known guest_memfds: dropped."""
        self.strange_pages = 0
        """Page cache events of files that are no known guest_memfds: dropped."""

    def place(self, calls: CallArray, rows: EventArray, groups: Groups) -> Placed:
        owned: list[Owned] = []
        extras: list[tuple[LiveVm, Extra]] = []
        for members in groups.members(VmBy.FILE):
            tid, fd = int(calls["tid"][members[0]]), int(calls["fd"][members[0]])
            is_conversion = calls["code"][members] == CallCode.SET_ATTRIBUTES2
            for some, place in (
                (members[is_conversion], self._conversions),
                (members[~is_conversion], self._fallocates),
            ):
                if len(some):
                    found = place(tid, fd, some, calls, rows)
                    owned += found[0]
                    extras += found[1]
        return owned, extras

    def _fallocates(
        self, tid: int, fd: int, members: IndexArray, calls: CallArray, rows: EventArray
    ) -> Placed:
        """Of files that are no guest_memfds nothing is kept: the whole host's are among them."""
        file, certainty = self._guest_memfd(tid, fd)
        if file is None:
            self.strange_calls += len(members)
            return [], []
        if file.stray is not None:
            return [(None, members)], []
        starts, sizes = calls["v"][members, 1], calls["v"][members, 2]
        return self._place(file, members, starts, sizes, rows, certainty)

    def _place(
        self,
        file: GuestMemfdFile,
        members: IndexArray,
        starts: Offsets,
        sizes: Offsets,
        rows: EventArray,
        certainty: Certainty,
    ) -> Placed:
        """Translate file ranges; where no slot is known they stay of the VM, without a range."""
        owned: list[Owned] = []
        extras: list[tuple[LiveVm, Extra]] = []
        for vm in self._owners(file):
            _name_no_page(vm, members, rows)
            if vm.has_ended or not vm.layout.binds(file):
                owned.append((vm, members))
                continue
            mappings = vm.layout.views_of_file(file, starts, ends_of(starts, sizes))
            is_inside = place_within_one(mappings, rows, members, starts, sizes, certainty)
            owned.append((vm, members[is_inside]))
            for i in np.flatnonzero(~is_inside).tolist():
                at, start = int(members[i]), int(starts[i])
                found = pieces(mappings, rows[at], start, start + int(sizes[i]), certainty)
                extras.append((vm, extra(at, found if len(found) else rows[at : at + 1].copy())))
        return owned, extras

    def _conversions(
        self, tid: int, fd: int, members: IndexArray, calls: CallArray, rows: EventArray
    ) -> Placed:
        file = self._vms.file(tid, fd) if fd >= 0 else None
        if isinstance(file, LiveVm):
            _take_gpas(members, calls, rows)
            return [(file, members)], []
        if not isinstance(file, GuestMemfdFile) or file.stray is not None:
            return [(self._finder.of_thread(tid, -1), members)], []
        extras = self._reveal(file, members, rows)
        was_read = calls["flags"][members] & SAW_STRUCT != 0
        read = members[was_read]
        owned: list[Owned] = [(vm, members[~was_read]) for vm in self._owners(file)]
        starts, sizes = calls["v"][read, 0], calls["v"][read, 1]
        placed, further = self._place(file, read, starts, sizes, rows, Certainty.SEEN)
        return owned + placed, extras + further

    def _reveal(
        self, file: GuestMemfdFile, members: IndexArray, rows: EventArray
    ) -> list[tuple[LiveVm, Extra]]:
        """The first call that KVM did not refuse as unknown shows that the file has attributes."""
        happened = rows["outcome"][members] != Outcome.FAILED
        if file.holds_attributes or not happened.any():
            return []
        at = int(members[happened][0])
        t = int(effect_time(rows[at : at + 1])[0])
        found = []
        for vm in self._owners(file):
            state = first_state(file, vm.layout.bound_to(file), t)
            if len(state):
                found.append(
                    (vm, Extra(keys_before(np.full(len(state), at, dtype=np.int64)), state))
                )
        return found

    def place_pages(self, calls: CallArray, rows: EventArray) -> Placed:
        """The page cache events among the calls."""
        which = np.flatnonzero(np.isin(calls["code"], PAGE_CACHE))
        owned: list[Owned] = []
        extras: list[tuple[LiveVm, Extra]] = []
        v = calls["v"][which]
        inodes, of_inode = np.unique(v[:, (2, 0)], axis=0, return_inverse=True)
        for number, (device, ino) in enumerate(inodes.tolist()):
            is_of = of_inode.reshape(-1) == number
            members, file = which[is_of], self._vms.files.of_inode(device, ino)
            if file is None or file.stray is not None:
                self.strange_pages += int(v[is_of, 3].sum())
                continue
            shift = np.uint64(PAGE_SHIFT)
            starts, sizes = v[is_of, 1] << shift, v[is_of, 3] << shift
            found = self._place(file, members, starts, sizes, rows, Certainty.SEEN)
            owned += found[0]
            extras += found[1]
        return owned, extras

    def _owners(self, file: GuestMemfdFile) -> Iterator[LiveVm]:
        return self._vms.known.with_file(file)

    def _guest_memfd(self, tid: int, fd: int) -> tuple[GuestMemfdFile | None, Certainty]:
        """The guest_memfd of an fd; without an fd (kprobes), the only one of the thread's VM."""
        if fd >= 0:
            file = self._vms.file(tid, fd)
            return file if isinstance(file, GuestMemfdFile) else None, Certainty.SEEN
        vm = self._finder.of_thread(tid, -1)
        if vm is None or len(vm.files) != 1:
            return None, Certainty.UNKNOWN
        return vm.files[0], Certainty.INFERRED


def _name_no_page(vm: LiveVm, members: IndexArray, rows: EventArray) -> None:
    """Where every memslot is known, a conversion outside all of them concerns no page of the
    guest: its range is known to be none, until a memslot is found."""
    if vm.layout.is_complete or vm.has_ended:
        conversions = members[rows["kind"][members] == EventKind.CONVERSION]
        rows["range_certainty"][conversions] = Certainty.SEEN


def _take_gpas(members: IndexArray, calls: CallArray, rows: EventArray) -> None:
    """On a VM, in early posts of the series, the offset is a gpa."""
    read = members[calls["flags"][members] & SAW_STRUCT != 0]
    rows["gfn"][read] = calls["v"][read, 0] >> np.uint64(PAGE_SHIFT)
    rows["npages"][read] = calls["v"][read, 1] >> np.uint64(PAGE_SHIFT)
    rows["range_certainty"][read] = Certainty.SEEN
