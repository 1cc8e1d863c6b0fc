"""Events are found by time, place, kind and outcome, and paged without gaps or repetition."""

import numpy as np
import pytest
from sqlalchemy import Connection, Engine

from app.model.events import EVENT, Window, effect_time
from app.model.guest import Certainty, EventKind, Outcome
from app.model.stats import ANY, EventFilter, EventQuery, only
from app.store.errors import NotFound
from app.store.read import Reader
from app.store.segments import SegmentColumns, Segments
from app.store.segments._infos import SegmentInfo
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, LOSSES, Write, random_events


@pytest.mark.parametrize("limit", [1, 7, 64, 1000])
def test_paging_returns_everything_exactly_once(engine: Engine, write: Write, limit: int) -> None:
    reader = Reader(engine)
    vm_id = write(random_events(300)).vm_id
    seen: list[int] = []
    while True:
        events, seqs = reader.events(vm_id, after_seq=seen[-1] if seen else -1, limit=limit)
        assert len(events) == len(seqs) <= limit
        if not len(seqs):
            break
        seen += seqs.tolist()
    assert seen == list(range(300))


@pytest.mark.parametrize("limit", [1, 7, 64, 1000])
def test_paging_backwards_returns_the_same_the_other_way_round(
    engine: Engine, write: Write, limit: int
) -> None:
    reader = Reader(engine)
    vm_id = write(random_events(300)).vm_id
    window = EventQuery(500, 6_000, 0, 2_000)
    events, forwards = reader.events(vm_id, window)
    assert 100 < len(forwards) < 300
    before, seen, times = 1 << 62, [], []
    while True:
        some, seqs = reader.events(vm_id, window, before_seq=before, limit=limit)
        assert len(some) == len(seqs) <= limit
        if not len(seqs):
            break
        seen += seqs.tolist()
        times += some["t"].tolist()
        before = seen[-1]
    assert seen == forwards[::-1].tolist()
    assert times == events["t"][::-1].tolist()


def test_the_event_before_is_found_without_reading_what_is_after(
    engine: Engine, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm_id = write(random_events(640), segment_events=64).vm_id
    reader = Reader(engine)
    read: list[int] = []
    columns = Segments.columns

    def note(segments: Segments, connection: Connection, info: SegmentInfo) -> SegmentColumns:
        read.append(info.first_seq)
        return columns(segments, connection, info)

    monkeypatch.setattr(Segments, "columns", note)
    _, seqs = reader.events(vm_id, before_seq=130, limit=1)
    assert seqs.tolist() == [129]
    assert read == [128]


def test_a_window_of_time_is_half_open_in_effect_time(engine: Engine, write: Write) -> None:
    events = random_events(300)
    times = effect_time(events)
    vm_id = write(events).vm_id
    first, end = int(times[50]), int(times[200])
    _, seqs = Reader(engine).events(vm_id, EventQuery(first, end))
    np.testing.assert_array_equal(seqs, np.flatnonzero((times >= first) & (times < end)))


@pytest.mark.parametrize("segment_events", [64, 1 << 17])
def test_counted_events_are_all_events_as_far_as_counting_needs_them(
    engine: Engine, write: Write, segment_events: int
) -> None:
    vm_id = write(random_events(300), segment_events=segment_events).vm_id
    reader = Reader(engine)
    for t_to in (-5, 2_500, 1 << 40):
        got = np.concatenate([np.zeros(0, EVENT), *reader.iter_counted(vm_id, t_to=t_to)])
        expected, _ = reader.events(vm_id, EventQuery(t_to=t_to))
        np.testing.assert_array_equal(got["t"], effect_time(expected))
        np.testing.assert_array_equal(effect_time(got), got["t"])
        for name in ("gfn", "npages", "kind", "to", "outcome", "range_certainty"):
            np.testing.assert_array_equal(got[name], expected[name])


@pytest.mark.parametrize("segment_events", [64, 1 << 17])
def test_instants_are_those_of_all_events(
    engine: Engine, write: Write, segment_events: int
) -> None:
    vm_id = write(random_events(300), segment_events=segment_events).vm_id
    reader, conversions = Reader(engine), only(EventKind.CONVERSION)
    for after_seq, where in (
        (-1, ANY),
        (-1, conversions),
        (0, ANY),
        (130, conversions),
        (299, ANY),
    ):
        query = EventQuery(2_000, 6_000, where=where)
        parts = list(reader.iter_instants(vm_id, query, after_seq=after_seq))
        expected, seqs = reader.events(vm_id, query, after_seq=after_seq)
        for got, wanted in zip(
            zip(*parts, strict=True) if parts else ([], [], []),
            (effect_time(expected), expected["kind"], seqs),
            strict=True,
        ):
            np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.int64), *got]), wanted)


def test_a_window_of_gfns_holds_what_meets_it_and_what_may_have(
    engine: Engine, write: Write
) -> None:
    events = random_events(300)
    vm_id = write(events).vm_id
    _, seqs = Reader(engine).events(vm_id, EventQuery(gfn_from=1000, gfn_to=1100))
    meets = (events["gfn"] < 1100) & (events["gfn"] + events["npages"] > 1000)
    is_loss = np.isin(events["kind"], LOSSES)
    np.testing.assert_array_equal(seqs, np.flatnonzero(meets | is_loss))


def test_an_event_of_unknown_range_is_in_a_gfn_window_only_if_it_may_change_it(
    engine: Engine,
) -> None:
    events = np.zeros(3, dtype=EVENT)
    events["t"] = [10, 20, 30]
    events["kind"] = [EventKind.CONVERSION, EventKind.MEMORY_FAULT, EventKind.LOSS_END]
    assert int(Certainty.UNKNOWN) == 0
    with RecordingWriter(engine, HEADER) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.append(vm_id, events)
    reader = Reader(engine)
    assert reader.events(vm_id, EventQuery(gfn_from=500, gfn_to=501))[1].tolist() == [0, 2]
    assert reader.events(vm_id)[1].tolist() == [0, 1, 2]


def test_kinds_and_outcomes_select(engine: Engine, write: Write) -> None:
    events = random_events(300)
    vm_id = write(events).vm_id
    where = EventFilter(outcomes=frozenset({Outcome.FAILED, Outcome.UNCONFIRMED}))
    got, _ = Reader(engine).events(vm_id, EventQuery(where=where.of_kinds({EventKind.CONVERSION})))
    is_wanted = (events["kind"] == EventKind.CONVERSION) & (events["outcome"] != Outcome.APPLIED)
    np.testing.assert_array_equal(got["t"], events["t"][is_wanted])


def test_changes_are_found_by_window(engine: Engine, write: Write) -> None:
    reader = Reader(engine)
    vm_id = write(random_events(300)).vm_id
    everything = np.concatenate(list(reader.iter_changes(vm_id)))
    part = np.concatenate(list(reader.iter_changes(vm_id, Window(2_000, 4_000))))
    is_in = (everything["t"] >= 2_000) & (everything["t"] < 4_000)
    np.testing.assert_array_equal(part, everything[is_in])


def test_nothing_there_is_said_so(engine: Engine) -> None:
    reader = Reader(engine)
    with pytest.raises(NotFound, match="no VM 7"):
        reader.events(7)
    with pytest.raises(NotFound, match="no VM 7"):
        reader.page_map_at(7, 0)
    with pytest.raises(NotFound, match="no recording 7"):
        reader.recording(7)
