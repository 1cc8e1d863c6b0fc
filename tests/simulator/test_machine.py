from itertools import pairwise

import numpy as np
import pytest

from app.model.guest import Backing
from collector.simulator import Machine, Place, Region
from collector.simulator._machine import swiotlb_pages

GIB = 1 << 30


@pytest.mark.parametrize("memory", [4 * GIB, 16 * GIB, 1024 * GIB, 4096 * GIB])
def test_memslots_do_not_overlap_and_hold_all_memory(memory: int) -> None:
    slots = Machine(memory, 4).memslots()
    ordered = sorted(slots, key=lambda slot: slot.base_gfn)
    assert all(a.end_gfn <= b.base_gfn for a, b in pairwise(ordered))
    mixed = sum(slot.npages for slot in slots if slot.backing is Backing.MIXED)
    # The VGA window is cut out of RAM, as on any PC.
    assert mixed == (memory >> 12) - 0x20


def test_set_up_has_all_three_backings() -> None:
    assert {slot.backing for slot in Machine(16 * GIB, 4).memslots()} == set(Backing)


def test_hot_plugged_memory_meets_no_other_memslot() -> None:
    machine = Machine(16 * GIB, 4)
    dimm = machine.dimm(2 << 18)
    for slot in machine.memslots():
        assert dimm.end_gfn <= slot.base_gfn or slot.end_gfn <= dimm.base_gfn


def test_swiotlb_is_six_percent_within_its_bounds() -> None:
    assert swiotlb_pages(1 * GIB) == (64 << 20) >> 12
    assert swiotlb_pages(16 * GIB) == (982 << 20) >> 12
    assert swiotlb_pages(64 * GIB) == GIB >> 12


@pytest.mark.parametrize("region", list(Region))
def test_fractions_of_a_region_join_without_gap(region: Region) -> None:
    machine = Machine(16 * GIB, 4)
    whole = machine.area(Place(region))
    lower = machine.area(Place(region, 0.0, 0.3))
    upper = machine.area(Place(region, 0.3, 1.0))
    assert (lower.first_gfn, lower.end_gfn, upper.end_gfn) == (
        whole.first_gfn,
        upper.first_gfn,
        whole.end_gfn,
    )


def test_only_mixed_pages_have_a_half_to_free() -> None:
    machine = Machine(16 * GIB, 4)
    slots = machine.memslots()
    gfns = np.array([slot.base_gfn + 1 for slot in slots], np.uint64)
    found = machine.backings(gfns)
    assert found.is_mixed.tolist() == [slot.backing is Backing.MIXED for slot in slots]
    assert found.hvas.tolist() == [(slot.userspace_addr or 0) + 4096 for slot in slots]
    assert found.offsets.tolist() == [
        0 if slot.guest_memfd_offset is None else slot.guest_memfd_offset + 4096 for slot in slots
    ]


def test_thread_ids_differ_per_vcpu_and_from_the_vmm() -> None:
    machine = Machine(16 * GIB, 4)
    tids = machine.tids(np.array([-1, 0, 1, 3], np.int16)).tolist()
    assert tids[0] == machine.pid
    assert len(set(tids)) == 4


@pytest.mark.parametrize(
    ("memory", "vcpus"), [(2 * GIB, 4), (8192 * GIB, 4), (4 * GIB + 4096, 4), (16 * GIB, 0)]
)
def test_impossible_machines_are_refused(memory: int, vcpus: int) -> None:
    with pytest.raises(ValueError, match="a simulated guest"):
        Machine(memory, vcpus)
