"""Which pages of a VM are private, as the kernel holds it."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from app.model.events import RUN, RunArray
from app.model.guest import PageState
from collector.capture.kernel_memory._program import Program
from collector.capture.kernel_memory._xarrays import NodeLayout, TornError, Walk
from collector.kvm import uapi

TRIES = 5

GfnRanges = npt.NDArray[np.uint64]
"""[ranges, 2]: first and end gfn (exclusive), ascending."""


def private_runs(program: Program, kvm: object, slots: Iterable[object]) -> RunArray | None:
    """The private pages of all gfns; None: the kernel holds it in a way that is not known here.

    In the VM (kvm->mem_attr_array) or, with in-place conversion, in each guest_memfd.
    """
    where = _where_attributes_are(program)
    if where is None:
        return None
    if where == "vm":
        return _runs([_of_vm(program, kvm)])
    return _runs([_of_slot(program, slot) for slot in slots])


def _where_attributes_are(program: Program) -> str | None:
    """Kernels with in-place conversion keep both, and a module parameter decides which one counts
    (virt/kvm, the guest_memfd in-place conversion series of 2026)."""
    in_vm = program.type("struct kvm").has_member("mem_attr_array")
    try:
        in_file = program.type("struct gmem_inode").has_member("attributes")
    except LookupError:
        in_file = False
    if not in_file:
        return "vm"
    if not in_vm:
        return "file"
    for name, of_file in (("gmem_in_place_conversion", True), ("vm_memory_attributes", False)):
        try:
            return "file" if bool(program[name].value_()) == of_file else "vm"
        except LookupError:
            continue
    return None


def _of_vm(program: Program, kvm: object) -> GfnRanges:
    """A kernel without CONFIG_KVM_GENERIC_MEMORY_ATTRIBUTES knows no private page."""
    if not program.type("struct kvm").has_member("mem_attr_array"):
        return _no_ranges()
    array = kvm.mem_attr_array  # type: ignore[attr-defined]
    layout = NodeLayout.of(program)
    for _ in range(TRIES - 1):
        try:
            return _walk(program, array, layout)
        except TornError:
            continue
    return _walk(program, array, layout)


def _walk(program: Program, array: Program, layout: NodeLayout) -> GfnRanges:
    walk = Walk(program.read, layout, array.address_of_().value_())
    found = [_no_ranges()]
    for index, value in walk.values(array.xa_head.value_()):
        is_private = value & np.uint64(uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE) != 0
        found.append(_ranges_of(index[is_private]))
    return np.concatenate(found)


def _of_slot(program: Program, slot: Program) -> GfnRanges:
    """The maple tree of the slot's file, in file offsets; an index without an entry is private
    unless the file was created with INIT_SHARED, but there is none (kvm_gmem_get_attributes)."""
    from drgn import container_of

    if not slot.gmem.file:
        return _no_ranges()
    inode = container_of(slot.gmem.file.f_inode, "struct gmem_inode", "vfs_inode")
    begin, npages = slot.gmem.pgoff.value_(), slot.npages.value_()
    base = slot.base_gfn.value_()
    ranges = [
        (base + max(first, begin) - begin, base + min(last + 1, begin + npages) - begin)
        for first, last in _private_ranges(inode)
        if first < begin + npages and last >= begin
    ]
    return np.array(ranges, np.uint64).reshape(-1, 2)


def _private_ranges(inode: Program) -> Iterator[tuple[int, int]]:
    """File ranges in pages, their last page included."""
    from drgn.helpers.linux.mapletree import mt_for_each
    from drgn.helpers.linux.xarray import xa_to_value

    for first, last, entry in mt_for_each(inode.attributes.address_of_()):
        if xa_to_value(entry).value_() & uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE:
            yield int(first), int(last)


def _no_ranges() -> GfnRanges:
    return np.empty((0, 2), np.uint64)


def _ranges_of(pages: npt.NDArray[np.uint64]) -> GfnRanges:
    """Ascending pages as ranges."""
    if not len(pages):
        return _no_ranges()
    breaks = np.flatnonzero(np.diff(pages) != 1)
    first = pages[np.append(0, breaks + 1)]
    end = pages[np.append(breaks, len(pages) - 1)] + np.uint64(1)
    return np.column_stack((first, end))


def _runs(parts: list[GfnRanges]) -> RunArray:
    """Disjoint ranges, those that touch made one."""
    ranges = np.concatenate([_no_ranges(), *parts])
    ranges = ranges[np.argsort(ranges[:, 0])]
    begins = np.append(True, ranges[1:, 0] != ranges[:-1, 1])[: len(ranges)]
    ends = np.append(begins[1:], True)[: len(ranges)]
    runs = np.zeros(int(begins.sum()), RUN)
    runs["gfn"] = ranges[begins, 0]
    runs["npages"] = ranges[ends, 1] - ranges[begins, 0]
    runs["state"] = PageState.PRIVATE
    return runs
