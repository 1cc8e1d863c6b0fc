"""KVM_SET_MEMORY_ATTRIBUTES2: attributes that belong to file offsets, shown at gfns."""

import numpy as np

from app.model.guest import Certainty, EventKind, Outcome, PageState, To, Totals
from app.model.pagemap import PageMap
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_RANGE_BY_REQUEST, CallCode
from collector.records import CallArray
from tests.assemble.live_calls import (
    ALL,
    MEMFD,
    VM_FD,
    Live,
    call,
    create_memfd,
    create_vm,
    ranges,
    region,
)

EAGAIN, PRIVATE, INIT_SHARED, MIB = 11, 8, 2, 1 << 20
TWO_SLOTS = (
    create_vm(1),
    create_memfd(2, 4 * MIB),
    region(3, 0, 0, MIB, memfd=MEMFD, offset=MIB),
    region(4, 1, 16 * MIB, MIB, memfd=MEMFD, offset=2 * MIB, hva=0x7E00_0000_0000),
)


def convert(
    ts: int,
    offset: int,
    size: int,
    mask: int = PRIVATE,
    *,
    fd: int = MEMFD,
    ret: int = 0,
    at: int = 0,
) -> CallArray:
    return call(ts, CallCode.SET_ATTRIBUTES2, fd, offset, size, mask, 0, at, ret=ret)


def test_offset_becomes_the_gfns_of_the_memslot_that_is_bound_there() -> None:
    run = Live().tell(*TWO_SLOTS, convert(10, 2 * MIB + 0x3000, 0x2000))
    (event,) = run.vm.conversions
    assert ranges(run.vm.conversions) == [(10, 0x1003, 2)]
    assert (event["to"], event["aux"], event["range_certainty"]) == (
        To.PRIVATE,
        PRIVATE,
        Certainty.SEEN,
    )


def test_one_call_is_a_row_in_each_memslot_that_it_meets() -> None:
    run = Live().tell(*TWO_SLOTS, convert(10, MIB + 0xFF000, 0x3000, 0))
    assert ranges(run.vm.conversions) == [(10, 0xFF, 1), (10, 0x1000, 2)]
    assert run.vm.conversions["aux"].tolist() == [0, 0]
    assert run.vm.conversions["to"].tolist() == [To.SHARED, To.SHARED]


def test_conversion_outside_of_all_memslots_concerns_no_page() -> None:
    run = Live().tell(*TWO_SLOTS, convert(10, 0, 0x1000), convert(20, MIB, 0x1000))
    assert ranges(run.vm.conversions) == [(10, 0, 0), (20, 0, 1)]
    assert (run.vm.conversions["range_certainty"] == Certainty.SEEN).all()


def test_first_conversion_shows_that_the_file_was_private_from_its_creation() -> None:
    run = Live().tell(*TWO_SLOTS, convert(10, MIB, 0x1000, 0))
    read = run.of_kind(EventKind.STATE_READ)
    assert ranges(read) == [(10, 0, 256), (10, 0x1000, 256)]
    assert (read["to"] == To.PRIVATE).all()
    assert run.vm.events["kind"][-3:].tolist() == [
        EventKind.STATE_READ,
        EventKind.STATE_READ,
        EventKind.CONVERSION,
    ]
    page_map = PageMap(run.vm.identity.start_state)
    for memslot, _ in run.vm.memslots:
        page_map.set_memslot(memslot)
    page_map.apply(run.vm.events[-3:].copy(), 0)
    assert page_map.totals() == Totals(private=511, shared=1, unknown=0)


def test_file_made_shared_was_shared() -> None:
    run = Live().tell(
        create_vm(1),
        create_memfd(2, MIB, INIT_SHARED),
        region(3, 0, 0, MIB, memfd=MEMFD),
        convert(10, 0, 0x1000),
    )
    assert run.of_kind(EventKind.STATE_READ)["to"].tolist() == [To.SHARED]


def test_memslot_of_a_converted_file_at_another_place_is_unknown() -> None:
    run = Live().tell(
        *TWO_SLOTS,
        convert(10, MIB, 0x1000),
        region(20, 0, 0, 0),
        region(30, 0, 0, MIB, memfd=MEMFD, offset=MIB),  # back where it was
        region(40, 2, 64 * MIB, MIB, memfd=MEMFD, offset=0),
    )
    later = run.of_kind(EventKind.STATE_READ)[2:]
    assert ranges(later) == [(40, 0x4000, 256)]
    assert later["to"].tolist() == [PageState.UNKNOWN]


def test_refused_conversion_says_at_which_page_of_the_file() -> None:
    run = Live().tell(*TWO_SLOTS, convert(10, MIB, 0x4000, ret=-EAGAIN, at=MIB + 0x2000))
    (event,) = run.vm.conversions
    assert (event["outcome"], event["errno"], event["aux"]) == (
        Outcome.FAILED,
        EAGAIN,
        MIB + 0x2000,
    )
    assert ranges(run.vm.conversions) == [(10, 0, 4)]
    assert len(run.of_kind(EventKind.STATE_READ)) == 0


def test_unread_struct_leaves_the_range_of_the_vm_unknown() -> None:
    unread = call(10, CallCode.SET_ATTRIBUTES2, MEMFD, flags=SAW_ENTER | SAW_EXIT)
    (event,) = Live().tell(*TWO_SLOTS, unread).vm.conversions
    assert (event["range_certainty"], event["npages"]) == (Certainty.UNKNOWN, 0)


def test_range_that_the_guest_asked_for_is_of_gpas() -> None:
    flags = SAW_ENTER | SAW_EXIT | SAW_RANGE_BY_REQUEST
    asked = call(10, CallCode.SET_ATTRIBUTES2, MEMFD, 0x5000, 0x1000, PRIVATE, flags=flags)
    run = Live().tell(*TWO_SLOTS, asked)
    assert ranges(run.vm.conversions) == [(10, 5, 1)]
    assert run.vm.conversions["range_certainty"].tolist() == [Certainty.INFERRED]


def test_on_a_vm_the_offset_is_a_gpa() -> None:
    run = Live().tell(*TWO_SLOTS, convert(10, 0x5000, 0x1000, fd=VM_FD))
    assert ranges(run.vm.conversions) == [(10, 5, 1)]


def test_conversion_of_a_file_that_nobody_saw_leaves_its_vm_in_doubt() -> None:
    run = Live().tell(*TWO_SLOTS, convert(10, 0, 0x1000, fd=33))
    (event,) = run.vm.conversions
    assert (event["range_certainty"], event["to"]) == (Certainty.UNKNOWN, To.PRIVATE)


def test_unconfirmed_conversion_in_place_is_one_of_its_pages() -> None:
    entered = call(10, CallCode.SET_ATTRIBUTES2, MEMFD, MIB, 0x1000, PRIVATE, flags=ALL & ~SAW_EXIT)
    run = Live().tell(*TWO_SLOTS, entered)
    assert run.vm.conversions["outcome"].tolist() == [Outcome.UNCONFIRMED]
    assert ranges(run.vm.conversions) == [(10, 0, 1)]


def test_flood_of_conversions_goes_through_in_whole_arrays() -> None:
    offsets = MIB + (np.arange(5000) % 256) * 0x1000
    calls = [convert(10 + i, int(at), 0x1000, 8 * (i % 2)) for i, at in enumerate(offsets)]
    run = Live().tell(*TWO_SLOTS, *calls)
    assert len(run.vm.conversions) == 5000
    assert len(run.vm.batches) < 8
    assert run.vm.conversions["gfn"].tolist() == (np.arange(5000) % 256).tolist()
