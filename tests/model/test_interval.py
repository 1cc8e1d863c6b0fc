"""An interval's numbers against counting call by call and page by page."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from app.model.events import EVENT, EventArray
from app.model.guest import Backing, Certainty, EventKind, Memslot, Outcome, PageState, To
from app.model.pagemap import PageMap
from app.model.stats import NO_RANGE, NO_SLOT, Dimension, IntervalCounts

PAGES = 1536
SLOT = Memslot(0, 0, PAGES, 4, Backing.MIXED, Certainty.SEEN, 0)

Call = tuple[int, int, int, int]  # gfn, npages, to, outcome
call_lists = st.lists(
    st.tuples(
        st.integers(0, PAGES - 1),
        st.sampled_from((1, 3, 512, 700)),
        st.sampled_from((To.SHARED, To.PRIVATE)),
        st.sampled_from((Outcome.APPLIED, Outcome.APPLIED, Outcome.FAILED)),
    ),
    max_size=30,
)


def events_of(calls: list[Call]) -> EventArray:
    rows = np.zeros(len(calls), EVENT)
    rows["kind"], rows["range_certainty"] = EventKind.CONVERSION, Certainty.SEEN
    rows["t"] = np.arange(len(calls)) * 100
    rows["latency_ns"] = np.arange(len(calls)) + 1
    for i, (gfn, npages, to, outcome) in enumerate(calls):
        rows[i]["gfn"], rows[i]["npages"] = gfn, min(npages, PAGES - gfn)
        rows[i]["to"], rows[i]["outcome"] = to, outcome
        rows[i]["errno"] = 22 if outcome == Outcome.FAILED else 0
    return rows


def counted(calls: list[Call], chunk: int = 1000) -> IntervalCounts:
    page_map = PageMap(PageState.SHARED)
    page_map.set_memslot(SLOT)
    events = events_of(calls)
    return summed(page_map, events, chunk)


def summed(page_map: PageMap, events: EventArray, chunk: int = 1000) -> IntervalCounts:
    counts = IntervalCounts()
    for first in range(0, len(events), chunk):
        part = events[first : first + chunk]
        counts.add_changes(page_map.apply(part, first))
        counts.add_events(part, np.arange(first, first + len(part)))
    return counts


@settings(deadline=None, max_examples=30)
@given(call_lists, st.sampled_from((1, 7, 1000)))
def test_every_number_is_that_of_counting_page_by_page(calls: list[Call], chunk: int) -> None:
    found = counted(calls, chunk)
    private = np.zeros(PAGES, bool)
    moved: Counter[int] = Counter()
    broken = healed = noop = 0
    for event in events_of(calls):
        if event["outcome"] != Outcome.APPLIED:
            continue
        was_mixed = mixed_blocks(private)
        pages = private[int(event["gfn"]) : int(event["gfn"] + event["npages"])]
        changed = int(np.sum(pages != (event["to"] == To.PRIVATE)))
        pages[:] = event["to"] == To.PRIVATE
        moved[int(event["to"])] += changed
        noop += changed == 0
        now_mixed = mixed_blocks(private)
        broken += int(np.sum(now_mixed & ~was_mixed))
        healed += int(np.sum(was_mixed & ~now_mixed))
    assert (found.pages_to_private, found.pages_to_shared) == (moved[1], moved[0])
    assert found.noop == noop
    assert found.net_private == int(private.sum()) == -found.net_shared
    assert found.net_unknown == 0
    assert (found.blocks_broken, found.blocks_healed) == (broken, healed)
    assert found.pages_asked == sum(int(e["npages"]) for e in events_of(calls))
    assert found.breakdowns.calls == len(calls)
    assert found.breakdowns.total.uncertain == 0
    assert not found.is_net_open
    if calls:
        assert found.latencies is not None
        assert found.latencies.calls == len(calls)
        assert found.latencies.total_ns == sum(range(1, len(calls) + 1))


def mixed_blocks(private: np.ndarray) -> np.ndarray:
    inside = private.reshape(-1, 512).sum(axis=1)
    return np.asarray((inside > 0) & (inside < 512))


def test_ping_pong_failures_and_breakers_are_told() -> None:
    calls: list[Call] = [(0, 1536, To.PRIVATE, Outcome.APPLIED)]
    calls += [(512, 1, To.SHARED if i % 2 == 0 else To.PRIVATE, Outcome.APPLIED) for i in range(9)]
    calls += [(500, 536, To.SHARED, Outcome.APPLIED), (7, 3, To.SHARED, Outcome.FAILED)]
    found = counted(calls)
    assert [tuple(run) for run in found.flip_runs] == [(512, 1, 10)]
    assert [(one.event, one.times, one.blocks) for one in found.breakers[:1]] == [(1, 5, 5)]
    assert (found.blocks_broken, found.blocks_healed) == (7, 5)
    (failed,) = found.failures[22]
    assert (failed["gfn"], failed["npages"]) == (7, 3)
    assert found.breakdowns.by[Dimension.ERRNO][22].failed == 1


def test_quantiles_are_latencies_of_calls() -> None:
    found = counted([(0, 1, To.PRIVATE, Outcome.APPLIED)] * 100).latencies
    assert found is not None
    assert (found.p50_ns, found.p95_ns, found.p99_ns, found.max_ns) == (50, 95, 99, 100)


def test_an_interval_in_which_nothing_happened() -> None:
    found = counted([])
    assert (found.noop, found.pages_asked, len(found.flip_runs)) == (0, 0, 0)
    assert found.latencies is None


@pytest.mark.parametrize("kind", [EventKind.PAGE_FAULT, EventKind.PUNCH_HOLE])
def test_other_events_are_counted_apart(kind: EventKind) -> None:
    events = np.zeros(3, EVENT)
    events["kind"], events["npages"], events["range_certainty"] = kind, 5, Certainty.SEEN
    found = IntervalCounts()
    found.add_events(events, np.arange(3))
    assert found.others == {kind: 3}
    assert found.punched_pages == (15 if kind == EventKind.PUNCH_HOLE else 0)


def test_what_leaves_open_which_pages_changed_is_counted_apart() -> None:
    """Unknown ranges and directions, unseen ends, and pages whose state before nobody knows."""
    page_map = PageMap(PageState.UNKNOWN)
    page_map.set_memslot(SLOT)
    calls: list[Call] = [(0, 4, To.PRIVATE, Outcome.APPLIED)] * 2
    calls += [(0, 4, To.SHARED, Outcome.APPLIED), (8, 4, To.UNKNOWN, Outcome.APPLIED)]
    calls += [(0, 4, To.SHARED, Outcome.UNCONFIRMED), (0, 0, To.UNKNOWN, Outcome.APPLIED)]
    calls += [(0, 4, To.PRIVATE, Outcome.FAILED), (0, 0, To.UNKNOWN, Outcome.FAILED)]
    events = events_of(calls)
    events["range_certainty"][events["npages"] == 0] = Certainty.UNKNOWN
    found = summed(page_map, events, chunk=3)
    # All but the second and third, which found their pages known, and the two that failed.
    assert found.breakdowns.total.uncertain == 4
    assert {to: one.uncertain for to, one in found.breakdowns.by[Dimension.DIRECTION].items()} == {
        To.PRIVATE: 1,
        To.SHARED: 1,
        To.UNKNOWN: 2,
    }
    assert (found.unplaced, found.undirected) == (2, 1)
    assert found.is_net_open
    assert set(found.breakdowns.by[Dimension.MEMSLOT]) == {NO_SLOT, NO_RANGE}


def test_a_hole_at_an_unknown_place_freed_nobody_knows_how_much() -> None:
    events = np.zeros(2, EVENT)
    events["kind"], events["npages"] = EventKind.PUNCH_HOLE, [5, 7]
    events["range_certainty"] = [Certainty.SEEN, Certainty.UNKNOWN]
    counts = IntervalCounts()
    counts.add_events(events, np.arange(2))
    assert (counts.punched_pages, counts.unplaced_holes) == (5, 1)
