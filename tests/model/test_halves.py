"""Sets of pages, and the halves of pages, against counting page by page."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.events import EVENT, RUN, Certainty, EventArray, EventKind, Outcome, PageState, To
from app.model.halves import Halves
from app.model.runsets import RunSet

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
)
event_lists = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, PAGES - 1),
        st.integers(1, 20),
        st.sampled_from((To.SHARED, To.PRIVATE)),
        st.sampled_from((Outcome.APPLIED, Outcome.APPLIED, Outcome.FAILED, Outcome.UNCONFIRMED)),
    ),
    max_size=25,
)


def events_of(rows: Sequence[tuple[int, int, int, int, int]]) -> EventArray:
    events = np.zeros(len(rows), EVENT)
    events["range_certainty"] = Certainty.SEEN
    for i, (kind, gfn, npages, to, outcome) in enumerate(rows):
        events[i]["t"] = i * 10
        events[i]["kind"], events[i]["gfn"] = kind, gfn
        events[i]["npages"] = min(npages, PAGES - gfn)
        events[i]["to"], events[i]["outcome"] = to, outcome
        events[i]["latency_ns"] = -1 if outcome == Outcome.UNCONFIRMED else 3
    return events


@settings(deadline=None, max_examples=50)
@given(event_lists, st.integers(1, 30))
def test_halves_are_those_of_following_each_page(
    rows: list[tuple[int, int, int, int, int]], chunk: int
) -> None:
    events = events_of(rows)
    halves = Halves(PageState.SHARED)
    for first in range(0, len(events), chunk):
        halves.add(events[first : first + chunk])
    may, known, shared = set[int](), set[int](), set[int]()
    for event in events:
        pages = set(range(int(event["gfn"]), int(event["gfn"] + event["npages"])))
        is_done, may_be = event["outcome"] == Outcome.APPLIED, event["outcome"] != Outcome.FAILED
        match int(event["kind"]):
            case EventKind.CONVERSION if may_be and event["to"] == To.PRIVATE:
                may |= pages
            case EventKind.CONVERSION if may_be:
                shared |= pages
            case EventKind.ALLOCATE | EventKind.POPULATE:
                may |= pages if may_be else set()
                known |= pages if is_done else set()
            case EventKind.PUNCH_HOLE | EventKind.DEPOPULATE:
                may -= pages if is_done else set()
                known -= pages if may_be else set()
            case EventKind.UNMAP:
                shared -= pages
    assert pages_of(halves.private_may.possible(EVERYTHING)) == may
    assert pages_of(halves.private_known.certain(EVERYTHING)) == known
    assert pages_of(halves.shared_may.possible(EVERYTHING)) == shared


def test_after_a_loss_everything_may_be_and_nothing_is_known() -> None:
    rows = [(EventKind.ALLOCATE, 0, 8, 0, 0), (EventKind.LOSS_BEGIN, 0, 1, 0, 0)]
    rows += [(EventKind.LOSS_END, 0, 1, 0, 0), (EventKind.PUNCH_HOLE, 4, 4, 0, 0)]
    halves = Halves(PageState.SHARED)
    halves.add(events_of(rows))
    assert pages_of(halves.private_may.possible(EVERYTHING)) == set(range(PAGES)) - {4, 5, 6, 7}
    assert halves.private_known.certain(EVERYTHING).pages == 0
    assert halves.shared_may.possible(EVERYTHING).pages == PAGES


def test_a_vm_that_ran_already_may_have_all_its_private_halves() -> None:
    assert Halves(PageState.UNKNOWN).private_may.possible(EVERYTHING).pages == PAGES
    assert Halves(PageState.UNKNOWN).private_known.certain(EVERYTHING).pages == 0
