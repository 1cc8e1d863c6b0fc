"""A writer killed with SIGKILL leaves a database that is consistent and states what is missing."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from app.model.events import effect_time
from app.model.guest import PageState
from app.model.pagemap import PageMap
from app.queries.inventory import recording_views
from app.store.database import open_database
from app.store.read import Reader
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, memslot, random_events

WRITE_FOREVER = """
import sys
sys.path.append(sys.argv[2])
from tests.store.histories import HEADER, IDENTITY, memslot, random_events
from app.store.database import open_database
from app.store.write import RecordingWriter

events = random_events(200_000)
with RecordingWriter(open_database(sys.argv[1]), HEADER, segment_events=500) as writer:
    vm_id = writer.add_vm(IDENTITY)
    writer.set_memslot(vm_id, memslot(0, 0, 4096))
    for first in range(0, len(events), 130):
        writer.append(vm_id, events[first : first + 130])
        writer.advance(int(events["t"][first]))
        print(first, flush=True)
"""


def killed_while_writing(path: Path) -> int:
    """Kill a writer in full flight; returns its process id."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOREVER, str(path), str(Path(__file__).parents[2])],
        stdout=subprocess.PIPE,
        text=True,
    )
    with writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) > 5_000:
                break
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    return writer.pid


def test_a_killed_writer_leaves_what_was_committed(path: Path) -> None:
    pid = killed_while_writing(path)
    engine = open_database(path)
    reader = Reader(engine)
    (recording,) = reader.recordings()
    assert recording.state == "incomplete"
    assert f"process {pid}" in str(recording.incomplete_reason)
    assert "are missing" in str(recording.incomplete_reason)

    (vm,) = reader.vms()
    got = np.concatenate([events for events, _ in reader.iter_events(vm.id)])
    assert len(got) == vm.events >= 4_500
    expected = random_events(200_000)[: len(got)]
    page_map = PageMap(PageState.SHARED)
    page_map.set_memslot(memslot(0, 0, 4096))
    page_map.apply(expected, 0)
    np.testing.assert_array_equal(got, expected)
    last_t = int(effect_time(got)[-1])
    np.testing.assert_array_equal(reader.page_map_at(vm.id, last_t).runs(), page_map.runs())
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    engine.dispose()


def test_the_next_writer_is_not_in_the_way_of_the_dead_one(path: Path) -> None:
    killed_while_writing(path)
    engine = open_database(path)
    with RecordingWriter(engine, HEADER) as writer:
        writer.append(writer.add_vm(IDENTITY), random_events(10))
    states = [recording.state for recording in Reader(engine).recordings()]
    assert states == ["incomplete", "complete"]
    engine.dispose()


def test_a_reader_only_does_not_mark_anything(path: Path) -> None:
    killed_while_writing(path)
    engine = open_database(path, read_only=True)
    assert Reader(engine).recordings()[0].state == "writing"
    engine.dispose()


def test_beside_a_dead_writer_readers_know_that_nobody_writes(path: Path) -> None:
    """Nothing is recovered by those that only read."""
    killed_while_writing(path)
    engine = open_database(path, read_only=True)
    reader = Reader(engine)
    (recording,) = reader.recordings()
    assert recording.state == "writing"
    (watermark,) = reader.watermarks()
    assert not watermark.is_written
    writing = reader.writing(recording)
    assert writing is not None
    assert not writing.is_alive
    (shown,) = recording_views(reader)
    assert (shown.state, shown.is_live, shown.silent_ms) == ("incomplete", False, None)
    engine.dispose()
    engine = open_database(path)
    (recovered,) = recording_views(Reader(engine))
    assert recovered == shown
    engine.dispose()


def test_beside_a_living_writer_readers_know_how_long_it_is_silent(engine: Engine) -> None:
    reader = Reader(engine)
    with RecordingWriter(engine, HEADER, is_live=True):
        (watermark,) = reader.watermarks()
        assert (watermark.vm_id, watermark.is_written) == (None, True)
        (shown,) = recording_views(reader)
        assert (shown.state, shown.is_live) == ("writing", True)
        assert shown.silent_ms is not None
        time.sleep(0.02)
        assert (recording_views(reader)[0].silent_ms or 0) > shown.silent_ms
    assert [watermark.is_written for watermark in reader.watermarks()] == [False]
    assert recording_views(reader)[0].silent_ms is None
