"""What is done to the VMM's own memory, in guest pages: MMU-notifier unmaps, and regions that
KVM_MEMORY_ENCRYPT_REG_REGION and UNREG_REGION name.

The latter have two dialects. KVM pins an hva range for SEV (arch/x86/kvm/svm/sev.c,
sev_mem_enc_register_region); in the 2022 private-memory series the same call took a gpa and was
itself the conversion. Only its arguments show which one a kernel speaks: a VM speaks the
latter if a memslot was set with that series' KVM_MEM_PRIVATE (1 << 2, by the old call, which knows
no such flag today), or if an address lies in a memslot's gpas and in no memslot's hvas.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from app.model.events import EventArray
from app.model.guest import PAGE_SHIFT, PAGE_SIZE, Cause, Certainty, EventKind, To
from collector.assemble.floods._groups import IndexArray
from collector.assemble.identity import LiveVm, Processes, Vms
from collector.assemble.memslots import (
    Extra,
    Mappings,
    Offsets,
    calls_of,
    ends_of,
    extra,
    keys_after,
    pieces,
    place_within_one,
)
from collector.codes import SAW_STRUCT, CallCode
from collector.kvm import uapi
from collector.records import CallArray

Mask = npt.NDArray[np.bool_]
REGIONS = (CallCode.REGISTER_REGION, CallCode.UNREGISTER_REGION)


class Unmaps:
    """KVM reports an unmapped range once for each VM of the process, with nothing to distinguish
    them apart: each VM that it meets gets it, and what repeats at once is that report."""

    def __init__(self, vms: Vms, processes: Processes) -> None:
        self._vms = vms
        self._processes = processes
        self.strange = 0
        """Unmapped ranges that met no memslot: dropped."""

    def place(self, calls: CallArray, rows: EventArray) -> Iterator[tuple[LiveVm, Extra]]:
        which = np.flatnonzero(calls["code"] == CallCode.UNMAP)
        if not len(which):
            return
        which = which[~self._is_repeated(calls, which)]
        placed: set[int] = set()
        for vm in [vm for vm in self._vms.known.live() if vm.layout.slots]:
            for one in _unmapped(vm, self._of(vm, calls, which), calls, rows):
                placed.update(calls_of(one[1].keys).tolist())
                yield one
        self.strange += len(which) - len(placed)

    def _is_repeated(self, calls: CallArray, which: IndexArray) -> Mask:
        tids, v = calls["tid"][which], calls["v"][which, :2]
        same = (tids[1:] == tids[:-1]) & (v[1:] == v[:-1]).all(axis=1)
        result = np.concatenate((np.zeros(1, dtype=bool), same))
        for tid in np.unique(tids[result]).tolist():
            if not self._has_several(tid):
                result &= tids != tid
        return result

    def _has_several(self, tid: int) -> bool:
        return len(self._vms.rivals.of_whom(tid)) > 1

    def _of(self, vm: LiveVm, calls: CallArray, which: IndexArray) -> IndexArray:
        """Those that may be of the VM's process."""
        tids = calls["tid"][which]
        strangers = [t for t in np.unique(tids).tolist() if not self._may_be_of(t, vm)]
        return which[~np.isin(tids, strangers)] if strangers else which

    def _may_be_of(self, tid: int, vm: LiveVm) -> bool:
        return vm.process is None or self._processes.may_be_one(self._vms.owner(tid), vm.process)


def _unmapped(
    vm: LiveVm, which: IndexArray, calls: CallArray, rows: EventArray
) -> Iterator[tuple[LiveVm, Extra]]:
    starts, ends = calls["v"][which, 0], calls["v"][which, 1]
    mappings = vm.layout.hvas(starts, ends)
    met = mappings.meets(starts, ends)
    which, starts, ends = which[met], starts[met], ends[met]
    if not len(which):
        return
    within = np.zeros(len(which), dtype=bool)
    if not mappings.is_overlapping:
        found = rows[which]
        at, sizes = np.arange(len(which)), ends - starts
        within = place_within_one(mappings, found, at, starts, sizes, Certainty.SEEN)
        found["npages"] += found["size_low"] != 0
        found["address_low"] = found["size_low"] = 0
        yield vm, Extra(keys_after(which[within]), found[within])
    for i in np.flatnonzero(~within).tolist():
        row, start, end = rows[which[i]], int(starts[i]), int(ends[i])
        yield vm, extra(int(which[i]), pieces(mappings, row, start, end, Certainty.SEEN))


def place_regions(
    vm: LiveVm, which: IndexArray, calls: CallArray, rows: EventArray
) -> list[tuple[int, Extra]]:
    """Fill in what pages a VM's registrations mean; what several rows replace is returned with
    them."""
    read = which[calls["flags"][which] & SAW_STRUCT != 0]
    starts = calls["v"][read, 0]
    sizes = calls["v"][read, 1]
    ends = ends_of(starts, sizes)
    mappings = vm.layout.hvas(starts, ends)
    if _speaks_gpa(vm, mappings, starts, ends):
        _convert(which, read, calls, rows)
        return []
    rows["cause"][which], rows["cause_certainty"][which] = Cause.NONE, Certainty.UNKNOWN
    vm.pins_regions |= bool(mappings.meets(starts, ends).any())
    within = np.zeros(len(read), dtype=bool)
    if not mappings.is_overlapping:
        within = place_within_one(mappings, rows, read, starts, sizes, Certainty.INFERRED)
    replaced = []
    for i in np.flatnonzero(~within).tolist():
        at, start = int(read[i]), int(starts[i])
        found = pieces(mappings, rows[at], start, start + int(sizes[i]), Certainty.INFERRED)
        if len(found):
            replaced.append((at, extra(at, found)))
    return replaced


def _speaks_gpa(vm: LiveVm, hvas: Mappings, starts: Offsets, ends: Offsets) -> bool:
    if not vm.regions_are_gpas:
        in_gpas = vm.layout.gpas(starts, ends).meets(starts, ends)
        vm.regions_are_gpas = bool((in_gpas & ~hvas.meets(starts, ends)).any())
    return vm.regions_are_gpas


def _convert(which: IndexArray, read: IndexArray, calls: CallArray, rows: EventArray) -> None:
    is_register = calls["code"][which] == CallCode.REGISTER_REGION
    rows["kind"][which] = EventKind.CONVERSION
    rows["to"][which] = np.where(is_register, To.PRIVATE, To.SHARED)
    rows["aux"][which] = np.where(is_register, uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE, 0)
    shift, low = np.uint64(PAGE_SHIFT), np.uint64(PAGE_SIZE - 1)
    for name, at in (("gfn", 0), ("npages", 1)):
        rows[name][read] = calls["v"][read, at] >> shift
    for name, at in (("address_low", 0), ("size_low", 1)):
        rows[name][read] = calls["v"][read, at] & low
    rows["range_certainty"][read] = Certainty.SEEN
