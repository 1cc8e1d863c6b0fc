"""Deleting a recording removes all of it, and nothing else, in steps that keep nobody waiting."""

import itertools
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from app.model.guest import PageState
from app.model.pagemap import PageMap
from app.store.catalogue import Pinned, Written as WrittenNote, add_note
from app.store.database import (
    _deletion as deletion,
    _recovery as recovery,
    delete_recording,
    deletion_steps,
    free_bytes,
    mark_deleted,
    open_database,
    unfinished_deletions,
)
from app.store.errors import Conflict, NotFound
from app.store.protocol import Loss
from app.store.read import Reader, check
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, Write, memslot, random_events

TABLES = (
    "recording",
    "vm",
    "memslot",
    "segment",
    "keyframe",
    "summary",
    "loss",
    "chapter",
    "guest_memfd",
    "note",
)


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in TABLES
        }


def test_a_deleted_recording_leaves_nothing(engine: Engine, write: Write) -> None:
    kept = write(random_events(200))
    before = counts(engine)
    gone = write(random_events(800), segment_events=16)
    reader = Reader(engine)
    delete_recording(engine, gone.recording_id)
    assert counts(engine) == before
    assert [one.id for one in reader.recordings()] == [kept.recording_id]
    with pytest.raises(NotFound):
        reader.vm(gone.vm_id)


def test_the_file_becomes_smaller(engine: Engine, write: Write, path: Path) -> None:
    gone = write(random_events(2000), segment_events=16)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    full = path.stat().st_size
    freed = delete_recording(engine, gone.recording_id)
    assert freed.free_bytes == free_bytes(engine) == 0
    assert freed.given_back_bytes == full - path.stat().st_size > 100_000


def test_space_that_cannot_be_given_back_is_used_again(tmp_path: Path) -> None:
    """As in a database that another program vacuumed without `auto_vacuum`."""
    path = tmp_path / "vacuumed.db"
    open_database(path).dispose()
    with closing(sqlite3.connect(path)) as connection:
        for order in ("journal_mode = DELETE", "auto_vacuum = NONE"):
            connection.execute(f"PRAGMA {order}").fetchall()
        connection.execute("VACUUM")
    engine = open_database(path)
    recording_id = record(engine)
    freed = delete_recording(engine, recording_id)
    assert freed.given_back_bytes == 0
    assert freed.free_bytes == free_bytes(engine) > 100_000
    pages = count(engine, "PRAGMA page_count")
    record(engine)
    assert count(engine, "PRAGMA page_count") == pages
    engine.dispose()


def count(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def record(engine: Engine, events: int = 3000) -> int:
    """A recording that has rows of every kind."""
    with RecordingWriter(engine, HEADER, segment_events=64) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, 4096))
        writer.append(vm_id, random_events(events))
        writer.add_loss(Loss(5, 9, 3, None, "ring buffer"))
    add_note(engine, vm_id, Pinned(5), WrittenNote("here"))
    return writer.recording_id


def test_ids_are_never_used_twice(engine: Engine, write: Write) -> None:
    first = write(random_events(100))
    delete_recording(engine, first.recording_id)
    second = write(random_events(100))
    assert second.vm_id > first.vm_id
    assert second.recording_id > first.recording_id


def test_a_recording_being_written_is_not_deleted(engine: Engine) -> None:
    with (
        RecordingWriter(engine, HEADER) as writer,
        pytest.raises(Conflict, match="still being written, by process"),
    ):
        delete_recording(engine, writer.recording_id)


def test_a_deletion_cut_short_between_any_two_steps_is_finished_by_the_next_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "STEPS_AT_OPENING", 10_000)  # a slow machine takes more
    whole = tmp_path / "whole.db"
    engine = open_database(whole)
    kept = record(engine, 200)
    rows, gone = counts(engine), record(engine, 700)
    (vm_id,) = (vm.id for vm in Reader(engine).vms(gone))
    engine.dispose()
    for done in itertools.count():
        path = Path(shutil.copy(whole, tmp_path / f"{done}.db"))
        engine = open_database(path)
        mark_deleted(engine, gone)
        steps = deletion_steps(engine, gone)
        taken = len(list(itertools.islice(steps, done)))
        del steps
        assert [one.id for one in Reader(engine).recordings()] == [kept]
        with pytest.raises(NotFound):
            Reader(engine).page_map_at(vm_id, 10)
        assert check(engine).findings == ()
        engine.dispose()

        again = open_database(path)
        assert (unfinished_deletions(again), counts(again)) == ([], rows)
        assert check(again).findings == ()
        again.dispose()
        if taken < done:
            break
    assert done > len(TABLES)


DELETE = """
import sys
from app.store.database import deletion_steps, mark_deleted, open_database
engine = open_database(sys.argv[1])
mark_deleted(engine, 1)
for _ in deletion_steps(engine, 1):
    print("step", flush=True)
    sys.stdin.readline()
"""


def test_a_killed_deletion_leaves_nothing_that_is_shown(
    path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "STEPS_AT_OPENING", 10_000)  # a slow machine takes more
    record(engine)
    with subprocess.Popen(
        [sys.executable, "-c", DELETE, str(path)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(4):
            assert process.stdout.readline() == "step\n"
            process.stdin.write("\n")
            process.stdin.flush()
        process.send_signal(signal.SIGKILL)
    assert count(engine, "SELECT count(*) FROM segment") > 0
    assert (Reader(engine).recordings(), Reader(engine).vms()) == ([], [])
    open_database(path).dispose()
    assert set(counts(engine).values()) == {0}


def test_opening_takes_only_some_steps_of_a_long_deletion(
    path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = record(engine)
    mark_deleted(engine, gone)
    monkeypatch.setattr(recovery, "STEPS_AT_OPENING", 3)
    before = counts(engine)["segment"]
    open_database(path).dispose()
    assert 0 < counts(engine)["segment"] < before
    assert unfinished_deletions(engine) == [gone]
    list(deletion_steps(engine, gone))
    assert set(counts(engine).values()) == {0}


def test_a_step_that_took_long_is_followed_by_smaller_ones() -> None:
    pace = deletion.Pace()
    for _ in range(20):
        pace.adapt(0)
    assert pace.rows == deletion.MOST_ROWS
    pace.adapt(2 * deletion.STEP_S)
    assert pace.rows == deletion.MOST_ROWS // 2
    pace.adapt(deletion.STEP_S / 2)
    assert pace.rows == deletion.MOST_ROWS // 2
    for _ in range(20):
        pace.adapt(2 * deletion.STEP_S)
    assert pace.rows == 1


def test_between_steps_anybody_may_write_at_once(path: Path, engine: Engine) -> None:
    gone = record(engine)
    mark_deleted(engine, gone)
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        for _ in deletion_steps(engine, gone):
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO host (name) VALUES ('another')")
            other.execute("ROLLBACK")
    assert counts(engine)["segment"] == 0


def test_beside_a_deletion_another_recording_is_written_whole(path: Path, engine: Engine) -> None:
    gone = [record(engine, 2_000) for _ in range(3)]
    events, is_over = random_events(100_000), threading.Event()
    began, fed = threading.Event(), [0]

    def record_live() -> None:
        other = open_database(path)
        with RecordingWriter(other, HEADER, is_live=True, segment_events=500) as writer:
            vm_id = writer.add_vm(IDENTITY)
            writer.set_memslot(vm_id, memslot(0, 0, 4096))
            for first in range(0, len(events), 100):
                writer.append(vm_id, events[first : first + 100])
                writer.advance(int(events["t"][first]))
                fed[0] = first + 100
                began.set()
                if is_over.is_set():
                    break
        other.dispose()

    recorder = threading.Thread(target=record_live)
    recorder.start()
    began.wait()
    for recording_id in gone:
        delete_recording(engine, recording_id)
    is_over.set()
    recorder.join()
    reader = Reader(engine)
    (recording,) = reader.recordings()
    assert (recording.state, recording.incomplete_reason) == ("complete", None)
    (vm,) = reader.vms()
    got = np.concatenate([each for each, _ in reader.iter_events(vm.id)])
    expected = events[: fed[0]]
    page_map = PageMap(PageState.SHARED)
    page_map.set_memslot(memslot(0, 0, 4096))
    page_map.apply(expected, 0)
    np.testing.assert_array_equal(got, expected)
    assert check(engine).findings == ()


def test_a_recording_begins_in_the_middle_of_a_deletion(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither waits for the whole of the other, nor is refused."""
    monkeypatch.setattr(recovery, "STEPS_AT_OPENING", 1)
    gone = record(engine)
    mark_deleted(engine, gone)
    steps = deletion_steps(engine, gone)
    next(steps)
    with RecordingWriter(engine, HEADER) as writer:
        for _ in steps:
            writer.append(writer.add_vm(IDENTITY), random_events(10))
    assert [one.state for one in Reader(engine).recordings()] == ["complete"]
    assert check(engine).findings == ()


def test_a_recording_that_begins_waits_for_a_step_of_a_deletion(path: Path, engine: Engine) -> None:
    """SQLite refuses at once who read first and would write while another writes."""
    record(engine, 10)
    step = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    step.execute("BEGIN IMMEDIATE")
    end_of_step = threading.Timer(0.3, step.execute, ("COMMIT",))
    end_of_step.start()
    with RecordingWriter(engine, HEADER) as writer:
        assert writer.recording_id == 2
    end_of_step.join()
    step.close()


def test_the_host_of_no_recording_goes_too(engine: Engine) -> None:
    first, second = record(engine), record(engine)
    delete_recording(engine, first)
    assert [host.name for host in Reader(engine).hosts()] == [HEADER.host]
    delete_recording(engine, second)
    assert Reader(engine).hosts() == []


def test_what_is_deleted_already_cannot_be_deleted_again(engine: Engine) -> None:
    gone = record(engine)
    mark_deleted(engine, gone)
    with pytest.raises(NotFound, match=f"no recording {gone}"):
        delete_recording(engine, gone)


def test_what_is_not_there_cannot_be_deleted(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no recording 5"):
        delete_recording(engine, 5)
