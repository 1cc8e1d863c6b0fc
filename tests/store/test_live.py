"""A live recording: readers see news at once, and merging small segments changes nothing."""

import numpy as np
import pytest
from sqlalchemy import Engine

from app.model.events import effect_time
from app.store.read import Reader
from app.store.write import RecordingWriter, _writer as writer_module
from tests.store.histories import HEADER, IDENTITY, memslot, random_events


@pytest.fixture
def commit_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LIVE_COMMIT_S", 0.0)
    monkeypatch.setattr(writer_module, "LIVE_COMMIT_REST", 0)


def test_without_live_nothing_is_seen_before_a_segment_is_full(engine: Engine) -> None:
    with RecordingWriter(engine, HEADER, segment_events=1000) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.append(vm_id, random_events(100))
        writer.advance(1 << 40)
        assert list(Reader(engine).iter_events(vm_id)) == []


@pytest.mark.usefixtures("commit_at_once")
def test_readers_see_each_advance_and_never_twice_or_half(engine: Engine) -> None:
    events = random_events(600)
    reader = Reader(engine)
    states = []
    with RecordingWriter(engine, HEADER, is_live=True, segment_events=256) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, 4096))
        for last in range(3, 601, 3):
            writer.append(vm_id, events[last - 3 : last])
            writer.advance(int(effect_time(events)[last - 1]))
            seqs = np.concatenate([seqs for _, seqs in reader.iter_events(vm_id)])
            np.testing.assert_array_equal(seqs, np.arange(last))
            states.append(reader.page_map_at(vm_id, 1 << 50).runs())
            assert reader.vm(vm_id).events == last
    for last, state in zip(range(3, 601, 3), states, strict=True):
        t = int(effect_time(events)[last - 1])
        is_last_of_instant = last == 600 or t < int(effect_time(events)[last])
        if is_last_of_instant:
            np.testing.assert_array_equal(reader.page_map_at(vm_id, t).runs(), state)


@pytest.mark.usefixtures("commit_at_once")
def test_small_segments_are_merged_into_few(engine: Engine) -> None:
    events = random_events(1000)
    with RecordingWriter(engine, HEADER, is_live=True, segment_events=1 << 17) as writer:
        vm_id = writer.add_vm(IDENTITY)
        for first in range(1000):
            writer.append(vm_id, events[first : first + 1])
            writer.advance(0)
        assert _segment_count(engine) < 64
    assert _segment_count(engine) == 1
    assert len(Reader(engine).events(vm_id, limit=2000)[1]) == 1000


@pytest.mark.usefixtures("commit_at_once")
def test_an_iteration_goes_on_while_segments_are_merged(engine: Engine) -> None:
    events = random_events(300)
    reader = Reader(engine)
    with RecordingWriter(engine, HEADER, is_live=True, segment_events=100) as writer:
        vm_id = writer.add_vm(IDENTITY)
        for first in range(0, 90, 10):
            writer.append(vm_id, events[first : first + 10])
            writer.advance(0)
        seen_events = reader.iter_events(vm_id)
        seen_changes = reader.iter_changes(vm_id)
        seqs, changes = [next(seen_events)[1]], [next(seen_changes)]
        writer.append(vm_id, events[90:])
    seqs += [chunk for _, chunk in seen_events]
    changes += list(seen_changes)
    np.testing.assert_array_equal(np.concatenate(seqs), np.arange(300))
    expected = np.concatenate(list(Reader(engine).iter_changes(vm_id)))
    np.testing.assert_array_equal(np.concatenate(changes), expected)


@pytest.mark.usefixtures("commit_at_once")
def test_time_passes_even_if_nothing_happens(engine: Engine) -> None:
    with RecordingWriter(engine, HEADER, is_live=True) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.advance(5_000_000_000)
        reader = Reader(engine)
        assert reader.span(vm_id) == (0, 5_000_000_000)
        assert [watermark.up_to for watermark in reader.watermarks()] == [5_000_000_000]


@pytest.mark.usefixtures("commit_at_once")
def test_what_is_learned_later_is_seen(engine: Engine) -> None:
    from dataclasses import replace

    with RecordingWriter(engine, HEADER, is_live=True) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.update_vm(vm_id, replace(IDENTITY, name="td-guest"))
        writer.update_coverage({"conversions": True})
        before = Reader(engine).watermarks()
        writer.advance(1)
        assert Reader(engine).watermarks() != before
        assert Reader(engine).vm(vm_id).name == "td-guest"
        assert Reader(engine).recording(writer.recording_id).coverage == {"conversions": True}


def _segment_count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM segment").scalar_one())
