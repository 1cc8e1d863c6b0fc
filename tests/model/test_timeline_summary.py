"""Timelines from summaries against timelines from the events themselves."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from app.model.events import CHANGE, EVENT, EventArray
from app.model.guest import Backing, Certainty, EventKind, Memslot, PageState
from app.model.pagemap import PageMap
from app.model.raster import FIELDS, TimelineSums, add_timeline_summary, summarise_timeline
from app.model.raster._timeline import timeline


@st.composite
def events_in_order(draw: st.DrawFn) -> EventArray:
    times = sorted(draw(st.lists(st.integers(0, 4000), max_size=15)))
    events = np.zeros(len(times), EVENT)
    events["t"] = times
    for event in events:
        event["gfn"], event["npages"] = draw(st.integers(0, 2000)), draw(st.integers(1, 900))
        event["to"], event["outcome"] = draw(st.integers(0, 1)), draw(st.integers(0, 2))
        event["kind"] = draw(st.sampled_from([EventKind.CONVERSION, EventKind.PAGE_FAULT]))
    events["range_certainty"] = Certainty.SEEN
    return events


@settings(deadline=None, max_examples=100)
@given(
    events_in_order(),
    st.integers(0, 15),
    st.sets(st.integers(0, 4096 >> 8), min_size=2, max_size=6),
)
def test_summaries_of_segments_give_the_timeline(
    events: EventArray, cut: int, borders: set[int]
) -> None:
    page_map = PageMap(PageState.SHARED)
    page_map.set_memslot(Memslot(0, 100, 1500, 4, Backing.MIXED, Certainty.SEEN, 0))
    totals = page_map.totals()
    changes = page_map.apply(events, 0).copy()
    edges = np.array(sorted(borders), np.int64) << 8
    early = changes["event"] < cut
    parts = [
        summarise_timeline(changes[early], events[:cut], 3),
        summarise_timeline(changes[~early], events[cut:], 4),
    ]
    sums = TimelineSums(edges)
    sums.add_start(totals, 0)
    for part in parts:
        add_timeline_summary(sums, part)
    ours, expected = sums.finish(), timeline(totals, 0, [changes], [events], edges)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), name)


def test_edges_between_borders_are_refused() -> None:
    nothing = np.zeros(0, CHANGE), np.zeros(0, EVENT)
    summary = summarise_timeline(*nothing, 4)
    with pytest.raises(ValueError, match="borders"):
        add_timeline_summary(TimelineSums(np.array([0, 17])), summary)
