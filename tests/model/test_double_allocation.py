"""Sets of pages, and the halves of pages, against counting page by page."""

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given, settings, strategies as st

from app.model.events import EVENT, RUN, EventArray
from app.model.guest import Certainty, EventKind, Outcome, PageState, To
from app.model.pagemap import PageMap
from app.model.stats import ANYTHING, DoubleAllocation, RunSet

PAGES = 64
EVERYTHING = RunSet(np.array([0]), np.array([PAGES]))

page_sets = st.sets(st.integers(0, 40), max_size=30)


def run_set(pages: set[int]) -> RunSet:
    runs = np.zeros(len(pages), RUN)
    runs["gfn"], runs["npages"] = sorted(pages), 1
    runs["state"] = PageState.PRIVATE
    return RunSet.of(runs, PageState.PRIVATE)


def pages_of(runs: RunSet) -> set[int]:
    return {p for a, b in zip(runs.first, runs.end, strict=True) for p in range(a, b)}


@settings(deadline=None)
@given(page_sets, page_sets)
def test_sets_of_runs_are_sets(one: set[int], other: set[int]) -> None:
    a, b = run_set(one), run_set(other)
    assert pages_of(a) == one
    assert a.pages == len(one)
    assert pages_of(a.meet(b)) == one & other
    assert pages_of(a.minus(b)) == one - other
    assert all(a.end[:-1] < a.first[1:])


KINDS = (
    EventKind.CONVERSION,
    EventKind.PUNCH_HOLE,
    EventKind.ALLOCATE,
    EventKind.UNMAP,
    EventKind.POPULATE,
    EventKind.DEPOPULATE,
    EventKind.HYPERCALL,
    EventKind.LOSS_BEGIN,
    EventKind.LOSS_END,
)
event_lists = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, PAGES - 1),
        st.integers(0, 20),
        st.sampled_from((To.SHARED, To.PRIVATE)),
        st.sampled_from((Outcome.APPLIED, Outcome.APPLIED, Outcome.FAILED, Outcome.UNCONFIRMED)),
        st.sampled_from((Certainty.SEEN,) * 9 + (Certainty.UNKNOWN,)),
    ),
    max_size=25,
)


def events_of(rows: Sequence[tuple[int, int, int, int, int, int]]) -> EventArray:
    events = np.zeros(len(rows), EVENT)
    for i, (kind, gfn, npages, to, outcome, certainty) in enumerate(rows):
        events[i]["t"] = i * 10
        events[i]["kind"], events[i]["range_certainty"] = kind, certainty
        if certainty != Certainty.UNKNOWN:
            events[i]["gfn"], events[i]["npages"] = gfn, min(npages, PAGES - gfn)
        events[i]["to"], events[i]["outcome"] = to, outcome
        events[i]["latency_ns"] = -1 if outcome == Outcome.UNCONFIRMED else 3
    return events


def counted(count: Callable[[PageMap, int, RunSet], int]) -> set[int]:
    """The pages of a set, asked for one by one; all at once they are as many."""
    nothing = PageMap(PageState.UNKNOWN)
    found = {p for p in range(PAGES) if count(nothing, ANYTHING, run_set({p}))}
    assert count(nothing, ANYTHING, EVERYTHING) == len(found)
    return found


@settings(deadline=None, max_examples=50)
@given(event_lists, st.integers(1, 30))
def test_halves_are_those_of_following_each_page(
    rows: list[tuple[int, int, int, int, int, int]], chunk: int
) -> None:
    events = events_of(rows)
    allocation = DoubleAllocation(PageState.SHARED)
    for first in range(0, len(events), chunk):
        allocation.add(events[first : first + chunk])
    may, known, shared, gaps = set[int](), set[int](), set[int](), 0
    for event in events:
        pages = set(range(int(event["gfn"]), int(event["gfn"] + event["npages"])))
        is_done, may_be = event["outcome"] == Outcome.APPLIED, event["outcome"] != Outcome.FAILED
        is_blind = event["range_certainty"] == Certainty.UNKNOWN
        anywhere = set(range(PAGES)) if is_blind else pages
        is_done &= gaps == 0  # else a lost event may have undone it
        match int(event["kind"]):
            case EventKind.CONVERSION if may_be and event["to"] == To.PRIVATE:
                may |= anywhere
            case EventKind.CONVERSION if may_be:
                shared |= anywhere
            case EventKind.ALLOCATE | EventKind.POPULATE:
                may |= anywhere if may_be else set()
                known |= pages if is_done else set()
            case EventKind.PUNCH_HOLE | EventKind.DEPOPULATE:
                may -= pages if is_done else set()
                known -= anywhere if may_be else set()
            case EventKind.UNMAP:
                shared -= pages if gaps == 0 else set()
            case EventKind.LOSS_BEGIN | EventKind.LOSS_END:
                may, known, shared = set(range(PAGES)), set(), set(range(PAGES))
                is_begin = event["kind"] == EventKind.LOSS_BEGIN
                gaps = gaps + 1 if is_begin else max(0, gaps - 1)
    assert pages_of(allocation.private_may.possible_runs(EVERYTHING)) == may
    assert counted(allocation.private_may.possible) == may
    assert counted(allocation.private_known.certain) == known
    assert counted(allocation.shared_may.possible) == shared


def test_after_a_loss_everything_may_be_and_nothing_is_known() -> None:
    rows = [(EventKind.ALLOCATE, 0, 8, 0, 0, 2), (EventKind.LOSS_BEGIN, 0, 1, 0, 0, 2)]
    rows += [(EventKind.LOSS_END, 0, 1, 0, 0, 2), (EventKind.PUNCH_HOLE, 4, 4, 0, 0, 2)]
    allocation = DoubleAllocation(PageState.SHARED)
    allocation.add(events_of(rows))
    assert counted(allocation.private_may.possible) == set(range(PAGES)) - {4, 5, 6, 7}
    assert counted(allocation.private_known.certain) == set()
    assert counted(allocation.shared_may.possible) == set(range(PAGES))


def test_a_vm_that_ran_already_may_have_all_its_private_halves() -> None:
    allocation = DoubleAllocation(PageState.UNKNOWN)
    assert counted(allocation.private_may.possible) == set(range(PAGES))
    assert counted(allocation.private_known.certain) == set()
