"""Filters leave exactly the events that a plain comparison leaves, in order, page by page."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import Engine

from app.model.events import EventArray, effect_time
from app.model.guest import Cause, EventKind, Outcome, To
from app.model.raster._timeline import timeline
from app.model.stats import ANY, EventFilter, EventQuery, SizeClass, SlotLife
from app.store.read import Reader
from app.store.segments import _segments as segments
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, LOSSES, Write, random_events

COUNT = 400
LIVES = (SlotLife(0, 1500, 2000, 5000), SlotLife(3000, 3600, 4000, 1 << 62))
Mask = npt.NDArray[np.bool_]


def in_lives(events: EventArray) -> Mask:
    t, result = effect_time(events), np.zeros(len(events), np.bool_)
    is_loss = np.isin(events["kind"], LOSSES)
    for life in LIVES:
        is_then = (t >= life.from_t) & (t < life.to_t)
        end = events["gfn"] + np.maximum(events["npages"], 1)
        meets = (events["gfn"] < life.end_gfn) & (end > life.first_gfn)
        result |= is_then & (meets | is_loss)
    return result


def to_private(events: EventArray) -> Mask:
    is_directed = np.isin(events["kind"], [1, 2, 18])
    return is_directed & (events["to"] == To.PRIVATE)


CASES: dict[str, tuple[EventFilter, Callable[[EventArray], Mask]]] = {
    "kind": (EventFilter(kinds=frozenset({EventKind.HYPERCALL})), lambda e: e["kind"] == 2),
    "outcome": (EventFilter(outcomes=frozenset({Outcome.FAILED})), lambda e: e["outcome"] == 1),
    "direction": (EventFilter(directions=frozenset({To.PRIVATE})), to_private),
    "cause": (EventFilter(causes=frozenset({Cause.IMPLICIT})), lambda e: e["cause"] == 2),
    "errno": (EventFilter(errnos=frozenset({22, 11})), lambda e: e["errno"] == 22),
    "vcpu": (EventFilter(vcpus=frozenset({-1, 3})), lambda e: np.isin(e["vcpu"], [-1, 3])),
    "tid": (EventFilter(tids=frozenset({5001})), lambda e: e["tid"] == 5001),
    "unaligned block": (
        EventFilter(sizes=frozenset({SizeClass.UNALIGNED})),
        lambda e: (e["npages"] == 512) & (e["gfn"] % 512 != 0),
    ),
    "page or unknown": (
        EventFilter(sizes=frozenset({SizeClass.PAGE, SizeClass.UNKNOWN})),
        lambda e: (e["npages"] == 1) | np.isin(e["kind"], LOSSES),
    ),
    "memslot": (EventFilter(lives=LIVES), in_lives),
    "several": (
        EventFilter(
            tids=frozenset({5001, 5002}), outcomes=frozenset({Outcome.FAILED}), lives=LIVES
        ),
        lambda e: np.isin(e["tid"], [5001, 5002]) & (e["outcome"] == 1) & in_lives(e),
    ),
    "nobody": (EventFilter(tids=frozenset({1})), lambda e: e["tid"] == 1),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("few", [1, 64], ids=["by themselves", "by segment"])
def test_a_filter_leaves_what_was_asked_for(
    engine: Engine, write: Write, monkeypatch: pytest.MonkeyPatch, case: str, few: int
) -> None:
    monkeypatch.setattr(segments, "_FEW", few)
    where, is_wanted = CASES[case]
    events = random_events(COUNT)
    vm_id = write(events).vm_id
    wanted = np.flatnonzero(is_wanted(events))
    assert len(wanted) or case == "nobody"
    got, seqs = Reader(engine).events(vm_id, EventQuery(where=where), limit=COUNT)
    np.testing.assert_array_equal(seqs, wanted)
    for name in ("t", "latency_ns", "gfn", "npages", "aux", "tid", "vcpu", "errno", "cause"):
        np.testing.assert_array_equal(got[name], events[wanted][name], name)


@pytest.mark.parametrize("case", CASES)
def test_pages_of_a_filter_follow_each_other(engine: Engine, write: Write, case: str) -> None:
    where, is_wanted = CASES[case]
    events = random_events(COUNT)
    vm_id = write(events).vm_id
    reader, query = Reader(engine), EventQuery(where=where)
    seen: list[int] = []
    while len(page := reader.events(vm_id, query, after_seq=(seen or [-1])[-1], limit=7)[1]):
        seen += page.tolist()
    assert seen == np.flatnonzero(is_wanted(events)).tolist()


@pytest.mark.parametrize("case", [*CASES, "window"])
def test_a_filtered_timeline_counts_the_events_that_are_left(
    engine: Engine, write: Write, case: str
) -> None:
    where = CASES[case][0] if case in CASES else ANY
    gfn_from, gfn_to = (1000, 1400) if case == "window" else (None, None)
    events = random_events(COUNT)
    vm_id = write(events).vm_id
    reader = Reader(engine)
    edges = np.linspace(0, effect_time(events)[-1] + 1, 13).astype(np.int64)
    ours = reader.timeline(vm_id, edges, gfn_from=gfn_from, gfn_to=gfn_to, where=where)
    left, seqs = reader.events(vm_id, EventQuery(None, None, gfn_from, gfn_to, where), limit=COUNT)
    changes = np.concatenate(list(reader.iter_changes(vm_id)))
    start = reader.page_map_at(vm_id, -1)
    made = changes[np.isin(changes["event"], seqs)]
    expected = timeline(start.totals(), start.mixed_blocks, [made], [left], edges)
    for name in ("to_private", "to_shared", "failed", "unconfirmed", "noop", "page_faults"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), name)
    np.testing.assert_array_equal(ours.pages_to_private, expected.pages_to_private)
    np.testing.assert_array_equal(ours.pages_to_shared, expected.pages_to_shared)
    np.testing.assert_array_equal(ours.private, reader.timeline(vm_id, edges).private)


def test_a_segment_without_the_thread_is_left_at_its_threads(engine: Engine) -> None:
    """Neither times nor ranges are decoded where nothing of a segment can be wanted."""
    events = random_events(COUNT)
    with RecordingWriter(engine, HEADER, segment_events=64) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.append(vm_id, events)
    reader = Reader(engine)
    reader.events(vm_id, EventQuery(where=EventFilter(tids=frozenset({1}))))
    kinds = {str(key[0]) for key in reader.cache._entries if isinstance(key, tuple)}
    assert "facets" in kinds
    assert "columns" not in kinds
