"""What the page map holds, example by example."""

import time

import numpy as np
import pytest

from app.model.events import EVENT, EventArray, learning_events
from app.model.guest import (
    GFN_LIMIT,
    PAGES_PER_1G,
    PAGES_PER_2M,
    UNKNOWN_LATENCY,
    Backing,
    Certainty,
    EventKind,
    Memslot,
    Outcome,
    PageState,
    To,
    Totals,
)
from app.model.pagemap import PageMap
from app.model.raster._timeline import timeline

SHARED, PRIVATE, UNKNOWN = PageState.SHARED, PageState.PRIVATE, PageState.UNKNOWN
NO_MEMSLOT = PageState.NO_MEMSLOT


def memslot(
    slot: int, first: int, npages: int, backing: Backing = Backing.MIXED, t: int = 0
) -> Memslot:
    return Memslot(slot, first, npages, 0, backing, Certainty.SEEN, 0, from_t=t)


def calls(*rows: tuple[int, int, int, To], **fields: int) -> EventArray:
    """Conversions (t, gfn, npages, to), the same fields for all."""
    events = np.zeros(len(rows), EVENT)
    for event, (t, gfn, npages, to) in zip(events, rows, strict=True):
        event["t"], event["gfn"], event["npages"], event["to"] = t, gfn, npages, to
    events["kind"], events["range_certainty"] = EventKind.CONVERSION, Certainty.SEEN
    for name, value in fields.items():
        events[name] = value
    return events


def a_map(start: PageState = SHARED, npages: int = 1024) -> PageMap:
    page_map = PageMap(start)
    page_map.set_memslot(memslot(0, 0, npages))
    return page_map


def test_new_memslot_is_in_the_start_state() -> None:
    page_map = PageMap(UNKNOWN)
    changes = page_map.set_memslot(memslot(0, 16, 8))
    assert changes.tolist() == [(0, 16, 8, -1, 0, NO_MEMSLOT, UNKNOWN, True, False)]
    assert page_map.totals() == Totals(private=0, shared=0, unknown=8)
    assert page_map.runs().tolist() == [(16, 8, UNKNOWN)]


def test_conversion_yields_the_pages_that_changed_and_only_those() -> None:
    page_map = a_map()
    first = calls((1, 4, 2, To.PRIVATE))
    page_map.apply(first, 0)
    second = calls((2, 3, 5, To.PRIVATE))
    changes = page_map.apply(second, 1)
    assert changes.tolist() == [
        (2, 3, 1, 1, 0, SHARED, PRIVATE, True, False),
        (2, 6, 2, 1, 0, SHARED, PRIVATE, True, False),
    ]
    assert first["effective_pages"].tolist() == [2]
    assert second["effective_pages"].tolist() == [3]


def test_conversion_without_effect_yields_nothing() -> None:
    page_map = a_map()
    events = calls((1, 4, 2, To.SHARED))
    assert len(page_map.apply(events, 0)) == 0
    assert events["effective_pages"].tolist() == [0]


def test_failed_conversion_changes_no_page() -> None:
    page_map = a_map()
    events = calls((1, 4, 2, To.PRIVATE), outcome=Outcome.FAILED)
    assert len(page_map.apply(events, 0)) == 0
    assert page_map.runs().tolist() == [(0, 1024, SHARED)]


def test_unconfirmed_conversion_leaves_known_what_it_could_not_change() -> None:
    page_map = a_map()
    page_map.apply(calls((1, 4, 2, To.PRIVATE)), 0)
    page_map.apply(calls((2, 3, 4, To.PRIVATE), outcome=Outcome.UNCONFIRMED), 1)
    assert page_map.runs(0, 8).tolist() == [
        (0, 3, SHARED),
        (3, 1, UNKNOWN),
        (4, 2, PRIVATE),
        (6, 1, UNKNOWN),
        (7, 1, SHARED),
    ]


def test_page_that_becomes_known_is_a_change_but_not_effective() -> None:
    page_map = a_map(UNKNOWN)
    events = calls((1, 4, 2, To.PRIVATE))
    assert page_map.apply(events, 0).tolist() == [(1, 4, 2, 0, 0, UNKNOWN, PRIVATE, True, False)]
    assert events["effective_pages"].tolist() == [0]


def test_effect_holds_from_the_return_of_the_call() -> None:
    page_map = a_map()
    events = calls((1, 4, 2, To.PRIVATE), latency_ns=30)
    assert page_map.apply(events, 0)["t"].tolist() == [31]
    unseen = calls((40, 4, 2, To.SHARED), outcome=Outcome.UNCONFIRMED, latency_ns=UNKNOWN_LATENCY)
    assert page_map.apply(unseen, 1)["t"].tolist() == [40]


def test_time_may_not_decrease() -> None:
    page_map = a_map()
    page_map.apply(calls((5, 0, 1, To.PRIVATE)), 0)
    with pytest.raises(ValueError, match="effect times decrease at event 1"):
        page_map.apply(calls((4, 0, 1, To.SHARED)), 1)
    with pytest.raises(ValueError, match="time decreases"):
        page_map.set_memslot(memslot(1, 5000, 1, t=4))
    with pytest.raises(ValueError, match="effect times decrease at event 3"):
        page_map.apply(calls((6, 0, 1, To.SHARED), (5, 0, 1, To.SHARED)), 2)
    assert page_map.totals().private == 1, "nothing of a batch out of order is applied"


def test_rows_end_where_memslots_end() -> None:
    page_map = a_map(npages=8)
    events = calls((1, 6, 4, To.PRIVATE))
    assert page_map.apply(events, 0).tolist() == [
        (1, 6, 2, 0, 1, SHARED, PRIVATE, True, False),
        (1, 8, 2, 0, 0, SHARED, PRIVATE, False, False),
    ]
    assert events["effective_pages"].tolist() == [4]
    assert page_map.totals() == Totals(private=2, shared=6, unknown=0)


def test_attributes_outlive_memslots() -> None:
    page_map = a_map(npages=8)
    page_map.apply(calls((1, 6, 4, To.PRIVATE)), 0)
    assert page_map.delete_memslot(0, 0, 2).tolist() == [
        (2, 0, 6, -1, -1, SHARED, NO_MEMSLOT, True, False),
        (2, 6, 2, -1, 0, PRIVATE, NO_MEMSLOT, True, False),
    ]
    assert len(page_map.runs()) == 0
    assert page_map.set_memslot(memslot(3, 7, 4, t=3)).tolist() == [
        (3, 7, 3, -1, 1, NO_MEMSLOT, PRIVATE, True, False),
        (3, 10, 1, -1, 0, NO_MEMSLOT, SHARED, True, False),
    ]


def test_deleting_an_unknown_memslot_does_nothing() -> None:
    assert len(PageMap(UNKNOWN).delete_memslot(0, 5, 3)) == 0


def test_moved_memslot_takes_its_pages_away_and_brings_others() -> None:
    page_map = a_map(npages=8)
    changes = page_map.set_memslot(memslot(0, 4, 8, t=2))
    assert changes[["gfn", "npages", "before", "after"]].tolist() == [
        (0, 4, SHARED, NO_MEMSLOT),
        (8, 4, NO_MEMSLOT, SHARED),
    ]
    assert [slot.base_gfn for slot in page_map.memslots] == [4]


def test_page_in_two_address_spaces_counts_once() -> None:
    page_map = a_map(npages=8)
    smm = Memslot(0, 4, 8, 0, Backing.HVA, Certainty.SEEN, 0, as_id=1)
    page_map.set_memslot(smm)
    assert page_map.totals().shared == 12
    page_map.delete_memslot(0, 0, 1)
    assert page_map.totals().shared == 8


def test_memslot_of_hva_only_is_shared_by_nature_and_stays_so_when_events_are_lost() -> None:
    page_map = PageMap(UNKNOWN)
    page_map.set_memslot(memslot(0, 0, 8, Backing.HVA))
    page_map.set_memslot(memslot(1, 8, 8, Backing.GMEM))
    page_map.apply(calls((1, 6, 4, To.PRIVATE)), 0)
    lost = np.zeros(1, EVENT)
    lost["t"], lost["kind"] = 2, EventKind.LOSS_BEGIN
    changes = page_map.apply(lost, 1)
    assert changes[["gfn", "npages", "before", "after"]].tolist() == [(6, 4, PRIVATE, UNKNOWN)]
    assert page_map.runs().tolist() == [(0, 6, SHARED), (6, 10, UNKNOWN)]


def test_what_an_hva_memslot_kept_known_is_forgotten_once_it_is_gone() -> None:
    page_map = PageMap(SHARED)
    page_map.set_memslot(memslot(0, 0, 8, Backing.HVA))
    lost = np.zeros(1, EVENT)
    lost["kind"] = EventKind.LOSS_BEGIN
    page_map.apply(lost, 0)
    page_map.delete_memslot(0, 0, 1)
    lost["t"] = 2
    page_map.apply(lost, 1)
    page_map.set_memslot(memslot(0, 0, 8, Backing.MIXED, t=3))
    assert page_map.runs().tolist() == [(0, 8, UNKNOWN)]


def test_applied_conversion_of_unknown_range_makes_all_unknown() -> None:
    page_map = a_map()
    page_map.apply(calls((1, 0, 0, To.PRIVATE), range_certainty=Certainty.UNKNOWN), 0)
    assert page_map.runs().tolist() == [(0, 1024, UNKNOWN)]


def test_conversion_within_a_loss_is_no_noop_but_uncertain() -> None:
    """Its pages are unknown before and after, and a row of the event states it."""
    page_map = PageMap(PageState.SHARED)
    page_map.set_memslot(memslot(0, 0, 1024))
    events = calls(*((t, 0, 8, To.PRIVATE) for t in (1, 2, 3)))
    events["kind"] = (EventKind.LOSS_BEGIN, EventKind.CONVERSION, EventKind.LOSS_END)
    start = page_map.totals()
    changes = page_map.apply(events, 0)
    (row,) = changes[changes["event"] == 1]
    assert (row["gfn"], row["npages"]) == (0, 8)
    assert (row["before"], row["after"]) == (PageState.UNKNOWN, PageState.UNKNOWN)
    assert events["effective_pages"].tolist() == [0, 0, 0]
    assert learning_events(changes).tolist() == [1]
    counts = timeline(start, 0, [changes], [events], np.array([0, 10]))
    assert (counts.noop.tolist(), counts.uncertain.tolist()) == ([0], [1])


def test_first_loss_tells_of_all_pages_never_named() -> None:
    page_map = a_map()
    page_map.apply(calls((1, 0, 0, To.PRIVATE), range_certainty=Certainty.UNKNOWN), 0)
    changes = page_map.set_memslot(memslot(1, 5000, 2, t=2))
    assert changes.tolist() == [(2, 5000, 2, -1, 0, NO_MEMSLOT, UNKNOWN, True, False)]


def test_without_memslots_pages_appear_when_first_named_and_leave_with_the_first_memslot() -> None:
    page_map = PageMap(SHARED)
    changes = page_map.apply(calls((1, 4, 4, To.PRIVATE)), 0)
    assert changes.tolist() == [
        (1, 4, 4, 0, 0, NO_MEMSLOT, SHARED, True, False),
        (1, 4, 4, 0, 1, SHARED, PRIVATE, True, False),
    ]
    assert not page_map.layout_is_known
    assert page_map.totals() == Totals(private=4, shared=0, unknown=0)
    changes = page_map.set_memslot(memslot(0, 6, 6, t=2))
    assert page_map.layout_is_known
    assert changes[["gfn", "npages", "before", "after"]].tolist() == [
        (4, 2, PRIVATE, NO_MEMSLOT),
        (8, 4, NO_MEMSLOT, SHARED),
    ]
    assert page_map.totals() == Totals(private=2, shared=4, unknown=0)
    assert page_map.runs(within_memslots=False)["npages"].sum() == 8


def test_block_is_mixed_while_it_holds_both_kinds() -> None:
    page_map = a_map()
    deltas = [
        page_map.apply(calls(call), seq)["mixed_delta"].tolist()
        for seq, call in enumerate(
            [
                (1, 0, 1, To.PRIVATE),
                (2, 600, 1, To.PRIVATE),
                (3, 1, 2, To.PRIVATE),
                (4, 0, PAGES_PER_2M, To.PRIVATE),
                (5, 600, 1, To.SHARED),
            ]
        )
    ]
    assert deltas == [[1], [1], [0], [-1], [-1]]
    assert page_map.mixed_blocks == 0


def test_other_kinds_of_events_change_nothing() -> None:
    page_map = a_map()
    events = calls(*[(1, 0, 9, To.PRIVATE)] * 3, effective_pages=77)
    events["kind"] = [EventKind.HYPERCALL, EventKind.PUNCH_HOLE, EventKind.MEMSLOT]
    assert len(page_map.apply(events, 0)) == 0
    assert events["effective_pages"].tolist() == [0, 0, 0]


def test_events_that_change_nothing_are_of_their_time_and_of_no_page() -> None:
    page_map = a_map()
    call = calls((50, 4, 4, To.PRIVATE), kind=EventKind.MEMSLOT, latency_ns=20, effective_pages=7)
    assert not len(page_map.apply(call, 0))
    assert call["effective_pages"][0] == 0
    assert page_map.last_t == 70
    with pytest.raises(ValueError, match="decrease at event 1"):
        page_map.apply(calls((60, 0, 4, To.PRIVATE)), 1)


def test_state_that_was_read_holds_from_then_on_by_no_event() -> None:
    page_map = a_map()
    events = calls((1, 0, 4, To.PRIVATE), (2, 4, 4, To.PRIVATE), (3, 8, 4, To.PRIVATE))
    events["kind"] = EventKind.STATE_READ
    changes = page_map.apply(events, 0)
    assert changes.tolist() == [
        (1, 0, 4, -1, 1, SHARED, PRIVATE, True, False),
        (2, 4, 4, -1, 0, SHARED, PRIVATE, True, False),
        (3, 8, 4, -1, 0, SHARED, PRIVATE, True, False),
    ]
    assert events["effective_pages"].tolist() == [4, 4, 4]


def test_state_that_was_read_as_it_was_known_is_no_change() -> None:
    page_map = a_map(UNKNOWN)
    events = calls((1, 0, 4, To.SHARED), (2, 0, 4, To.SHARED), kind=EventKind.STATE_READ)
    assert page_map.apply(events, 0)["t"].tolist() == [1]
    assert events["effective_pages"].tolist() == [0, 0]
    assert page_map.totals() == Totals(private=0, shared=4, unknown=1020)


def test_readings_of_the_state_are_no_conversions_in_a_timeline() -> None:
    page_map = a_map()
    events = calls((1, 0, 4, To.PRIVATE), (2, 0, 4, To.PRIVATE), (3, 0, 4, To.PRIVATE))
    events["kind"][0] = EventKind.STATE_READ
    start, changes = page_map.totals(), page_map.apply(events, 0)
    counted = timeline(start, 0, [changes], [events], np.array([0, 10]))
    assert [counted.to_private.tolist(), counted.noop.tolist()] == [[2], [2]]
    assert counted.pages_to_private.tolist() == [0]
    assert [counted.private.tolist(), counted.shared.tolist()] == [[4], [1020]]


@pytest.mark.parametrize("gfn", [GFN_LIMIT - 2, GFN_LIMIT, 1 << 63, (1 << 64) - 1])
def test_range_past_the_address_space_is_cut(gfn: int) -> None:
    page_map = a_map()
    events = calls((1, gfn, 8, To.PRIVATE))
    page_map.apply(events, 0)
    assert events["effective_pages"].tolist() == [max(0, GFN_LIMIT - gfn)]


def test_whole_address_space_costs_groups_not_pages() -> None:
    page_map = PageMap(SHARED)
    begin = time.process_time()
    page_map.set_memslot(memslot(0, 0, GFN_LIMIT))
    for seq in range(100):
        page_map.apply(calls((seq, 0, GFN_LIMIT, To.PRIVATE if seq % 2 else To.SHARED)), seq)
    assert page_map.runs().tolist() == [(0, GFN_LIMIT, PRIVATE)]
    assert time.process_time() - begin < 2
    assert len(page_map.to_bytes()) < 1000


def test_losses_by_the_hundred_thousand_cost_what_was_touched_between_them() -> None:
    page_map = a_map(npages=1024 * PAGES_PER_1G)
    page_map.apply(calls(*((0, g * PAGES_PER_1G + 9, 1, To.PRIVATE) for g in range(1024))), 0)
    events = np.zeros(100_000, EVENT)
    events["kind"] = np.where(np.arange(len(events)) % 2, EventKind.LOSS_END, EventKind.LOSS_BEGIN)
    events["t"] = np.arange(len(events))
    begin = time.process_time()
    page_map.apply(events, 1024)
    assert page_map.totals().unknown == 1024 * PAGES_PER_1G
    assert time.process_time() - begin < 2


def test_thousands_of_memslot_calls_take_no_minutes() -> None:
    page_map = PageMap(SHARED)
    begin = time.process_time()
    for slot in range(2000):
        page_map.set_memslot(memslot(slot, slot * 64, 32, t=slot))
    for slot in range(0, 2000, 2):
        page_map.delete_memslot(0, slot, 2000 + slot)
    assert len(page_map.runs()) == 1000
    assert time.process_time() - begin < 10


def test_keyframe_of_other_memslots_is_refused() -> None:
    with pytest.raises(ValueError, match="other memslots"):
        PageMap.from_bytes(a_map().to_bytes(), [memslot(0, 0, 1023)])


def test_damaged_keyframe_is_refused_wherever_it_is_damaged() -> None:
    page_map = a_map()
    page_map.apply(calls((1, 3, 5, To.PRIVATE), (2, 700, 1, To.PRIVATE)), 0)
    blob = page_map.to_bytes()
    for at in range(len(blob)):
        damaged = bytearray(blob)
        damaged[at] ^= 0x08
        with pytest.raises(ValueError, match="keyframe"):
            PageMap.from_bytes(bytes(damaged), page_map.memslots)


@pytest.mark.parametrize("keep", [0, 3, 5, 20, -1])
def test_cut_keyframe_is_refused(keep: int) -> None:
    with pytest.raises(ValueError, match="keyframe"):
        PageMap.from_bytes(a_map().to_bytes()[:keep], [memslot(0, 0, 1024)])


def test_keyframe_with_something_after_it_is_refused() -> None:
    with pytest.raises(ValueError, match="keyframe"):
        PageMap.from_bytes(a_map().to_bytes() + b"x", [memslot(0, 0, 1024)])
