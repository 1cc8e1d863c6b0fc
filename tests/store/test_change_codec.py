"""Changes survive their blob, whether they belong to events or not."""

import numpy as np
from hypothesis import given, settings, strategies as st

from app.model.events import CHANGE, ChangeArray, EventArray, Window, effect_time
from app.model.guest import GFN_LIMIT, PageState
from app.model.pagemap import PageMap
from app.store.codecs import decode_changes, encode_changes, encode_events
from app.store.segments._columns import decode_columns
from tests.store.histories import memslot, random_events

FIRST_SEQ = 1_000


def through_blobs(events: EventArray, changes: ChangeArray, window: Window) -> ChangeArray:
    first_t = 0
    blob = encode_changes(changes, events, FIRST_SEQ, first_t)
    columns = decode_columns(
        encode_events(events, first_t), decode_changes(blob, first_t), FIRST_SEQ, first_t
    )
    return columns.changes_in(window)


@st.composite
def any_changes(draw: st.DrawFn, event_count: int) -> ChangeArray:
    indices = sorted(draw(st.lists(st.integers(0, event_count - 1), max_size=30)))
    rows = [
        (
            draw(st.integers(0, 1 << 50)),
            gfn := draw(st.integers(0, GFN_LIMIT)),
            draw(st.integers(0, GFN_LIMIT - gfn)),
            draw(st.sampled_from([FIRST_SEQ + index, -1])),
            draw(st.integers(-(1 << 31), (1 << 31) - 1)),
            draw(st.integers(0, 3)),
            draw(st.integers(0, 3)),
            draw(st.booleans()),
            draw(st.booleans()),
        )
        for index in indices
    ]
    return np.array(rows, dtype=CHANGE)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_any_changes_are_read_back_as_written(data: st.DataObject) -> None:
    changes = data.draw(any_changes(event_count=40))
    got = through_blobs(random_events(40), changes, Window())
    np.testing.assert_array_equal(got, changes)


def test_changes_of_a_page_map_are_read_back_as_written() -> None:
    events = random_events(500)
    page_map = PageMap(PageState.SHARED)
    layout = page_map.set_memslot(memslot(0, 0, 2048))
    changes = np.concatenate([layout, page_map.apply(events, FIRST_SEQ)])
    np.testing.assert_array_equal(through_blobs(events, changes, Window()), changes)


def test_changes_without_events_are_read_back_as_written() -> None:
    changes = PageMap(PageState.SHARED).set_memslot(memslot(3, 100, 50, from_t=77))
    nothing = random_events(0)
    np.testing.assert_array_equal(through_blobs(nothing, changes, Window()), changes)


def test_a_window_selects_what_meets_it() -> None:
    events = random_events(500)
    changes = PageMap(PageState.SHARED).apply(events, FIRST_SEQ)
    t = int(effect_time(events)[250])
    got = through_blobs(events, changes, Window(t_from=t, gfn_from=1000, gfn_to=2000))
    is_there = (changes["gfn"] < 2000) & (changes["gfn"] + changes["npages"] > 1000)
    expected = changes[(changes["t"] >= t) & (is_there | (changes["npages"] == 0))]
    np.testing.assert_array_equal(got, expected)
