"""Events survive their blob, and any Arrow reader finds their columns in it."""

import numpy as np
import pyarrow.ipc
import pytest
from hypothesis import given, strategies as st

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import Outcome
from app.store.codecs import decode_events, encode_events
from app.store.codecs._arrow import split
from tests.store.histories import random_events

U64 = st.integers(0, (1 << 64) - 1)
GFN = st.integers(0, (1 << 52) - 1)


@st.composite
def any_events(draw: st.DrawFn) -> EventArray:
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 1 << 61),
                st.integers(-1, 1 << 60),
                GFN,
                GFN,
                GFN,
                U64,
                st.integers(-(1 << 31), (1 << 31) - 1),
                st.integers(0, (1 << 15) - 1),
                st.integers(-1, (1 << 15) - 1),
                st.integers(0, (1 << 16) - 1),
                st.integers(0, (1 << 16) - 1),
                st.integers(1, 12),
                st.integers(0, 2),
                st.sampled_from(list(Outcome)),
                st.integers(0, 3),
                st.integers(0, 2),
                st.integers(0, 2),
            ),
            min_size=0,
            max_size=30,
        )
    )
    events = np.array(rows, dtype=EVENT)
    return events[np.argsort(effect_time(events), kind="stable")]


@given(any_events())
def test_decoded_events_equal_the_encoded(events: EventArray) -> None:
    first_t = int(effect_time(events)[0]) if len(events) else 0
    blob = encode_events(events, first_t)
    np.testing.assert_array_equal(decode_events(blob, first_t), events)


def test_every_column_is_plain_arrow() -> None:
    events = random_events(300)
    batch = pyarrow.ipc.open_stream(encode_events(events, 0)).read_next_batch()
    gfn = sum(
        np.asarray(batch.column(f"gfn.{i}")).astype(np.uint64) << np.uint64(8 * i) for i in (0, 1)
    )
    np.testing.assert_array_equal(gfn, events["gfn"])
    np.testing.assert_array_equal(batch.column("kind"), events["kind"])
    thread = np.asarray(batch.column("thread").dictionary_decode())
    np.testing.assert_array_equal(thread >> 16, events["tid"])


def test_no_events_make_an_empty_blob() -> None:
    nothing = np.empty(0, dtype=EVENT)
    assert len(decode_events(encode_events(nothing, 7), 7)) == 0


@pytest.mark.parametrize("kind", ["<u1", "<u2", "<u4", "<u8", "<i2", "<i8", "?"])
def test_a_column_of_any_width_is_stored_as_if_it_were_the_widest(kind: str) -> None:
    values = np.array([0, 1, 1, 0, 1], kind)
    if values.dtype.kind != "b":
        values[1:4] = np.iinfo(kind).max, np.iinfo(kind).min, 255 % np.iinfo(kind).max
    for some in (values, values[::2], values[:0], values[:1]):
        stored, widest = split("v", some), split("v", some.astype("<u8"))
        assert stored.keys() == widest.keys()
        assert all(stored[name].equals(widest[name]) for name in widest)
