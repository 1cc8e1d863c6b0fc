"""Which VMs' events are to be sealed with the next commit."""

from collections.abc import Mapping

from app.store.write._vm_writer import VmWriter

MAX_HELD_SEGMENTS = 8
"""Segments' worth of events held over all VMs; beyond, the largest are sealed early, so that many
VMs need no more memory than few."""
SEGMENTS_OF_GROUP = 4
"""Of a quiet VM, in a group that ends by time."""


def due_to_seal(
    vms: Mapping[int, VmWriter], complete_t: int, segment_events: int, group_ns: int | None
) -> set[int]:
    """VMs that hold half a segment or more, what retention is to take one day, and the largest
    while all hold too much."""
    by_size = sorted(vms, key=lambda vm_id: -vms[vm_id].buffer.held_events)
    held = sum(vm.buffer.held_events for vm in vms.values())
    due = {vm_id for vm_id, vm in vms.items() if _is_old(vm, complete_t, group_ns)}
    for vm_id in by_size:
        buffer = vms[vm_id].buffer
        if not buffer.is_nearly_full and held <= MAX_HELD_SEGMENTS * segment_events:
            break
        due.add(vm_id)
        held -= buffer.held_events
    return due


def _is_old(vm: VmWriter, complete_t: int, group_ns: int | None) -> bool:
    """Whether what it holds began a good part of a group ago."""
    oldest_t = vm.buffer.oldest_t
    if group_ns is None or oldest_t is None:
        return False
    return complete_t - oldest_t >= group_ns // SEGMENTS_OF_GROUP
