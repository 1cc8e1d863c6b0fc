"""A live recording that is gone on with is what it would be had one writer made all of it."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import EventKind, GuestMemfd, To
from app.model.pagemap import PageMap
from app.model.raster import Grid
from app.store.database import open_database
from app.store.errors import CannotGoOn, StoreError
from app.store.protocol import Loss, RecordingHeader
from app.store.read import Reader, check
from app.store.retention import groups, retire_steps
from app.store.write import RecordingWriter, find_past
from tests.store.histories import HEADER, IDENTITY, memslot, random_events

LIVE = replace(HEADER, boot_id="boot", coverage={"sees": {"conversions": True}}, wall_start_ns=7)
SEGMENT = 64
KEPT_VM = (
    *("events", "events_by_kind", "requested", "applied", "failed", "unconfirmed", "to_unknown"),
    *("uncertain", "effective_pages", "private_pages", "shared_pages", "unknown_pages"),
    *("mixed_blocks", "lost_events", "last_t", "layout_is_known"),
)
"""What the row of a VM adds up."""


def begin(engine: Engine, events: EventArray) -> RecordingWriter:
    """One that is not finished."""
    writer = RecordingWriter(engine, LIVE, is_live=True, segment_events=SEGMENT)
    writer.__enter__()
    vm_id = writer.add_vm(IDENTITY)
    writer.add_guest_memfd(vm_id, GuestMemfd(20, 1 << 24, 0, 1, 3, 4))
    writer.set_memslot(vm_id, memslot(0, 0, 2048))
    writer.set_memslot(vm_id, memslot(1, 2048, 2048))
    writer.append(vm_id, events)
    writer.advance(int(effect_time(events)[-1]))
    return writer


def going_on(engine: Engine, from_t: int, segment_events: int = SEGMENT) -> RecordingWriter:
    header = replace(LIVE, from_t=from_t)
    past = find_past(engine, header)
    return RecordingWriter(engine, header, is_live=True, segment_events=segment_events, past=past)


def gap(before: EventArray, after: EventArray) -> EventArray:
    """Nothing is known between the two, and no loss that began before is under way any more."""
    kinds = before["kind"].tolist()
    open_losses = kinds.count(EventKind.LOSS_BEGIN) - kinds.count(EventKind.LOSS_END)
    rows = np.zeros(2 + max(0, open_losses), EVENT)
    rows["kind"], rows["to"], rows["latency_ns"] = EventKind.LOSS_END, To.UNKNOWN, -1
    rows["t"] = int(after["t"].min()) - 1
    rows["kind"][0], rows["t"][0] = EventKind.LOSS_BEGIN, int(effect_time(before)[-1])
    return rows


def parts() -> tuple[EventArray, EventArray]:
    """The second one begins with the gap between them."""
    events = random_events(1_000, seed=3)
    before, after = events[:700], events[700:].copy()
    after["t"] += 100_000
    return before, np.concatenate((gap(before, after), after))


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def all_of(engine: Engine) -> dict[str, Any]:
    """Everything that views are made of."""
    reader = Reader(engine)
    (vm,) = reader.vms()
    end = vm.last_t + 1
    rows = np.arange(0, 4096, 64, dtype=np.uint64)
    grid = Grid(np.linspace(0, end, 50).astype(np.int64), rows, rows + np.uint64(64))
    churn = reader.churn(vm.id, grid)
    return {
        "events": np.concatenate([part for part, _ in reader.iter_events(vm.id)]),
        "seqs": np.concatenate([seqs for _, seqs in reader.iter_events(vm.id)]),
        "maps": [
            reader.page_map_at(vm.id, t).runs()
            for t in np.linspace(0, end, 20).astype(int).tolist()
        ],
        "returns": churn.returns,
        "row": {name: getattr(vm, name) for name in KEPT_VM},
        "memslots": reader.memslots(vm.id),
        "memfds": reader.guest_memfds(vm.id),
    }


def assert_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, value in one.items():
        np.testing.assert_equal(value, other[name], err_msg=name)


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, Any]:
    """By one writer."""
    engine = open_database(tmp_path / "whole.db")
    begin(engine, np.concatenate(parts())).__exit__(None, None, None)
    found = all_of(engine)
    engine.dispose()
    return found


def leave(engine: Engine, writer: RecordingWriter) -> Engine:
    """As a writer does that is killed: what it committed is all there is."""
    writer._commit()
    writer._lock.__exit__(None, None, None)
    path = str(engine.url.database)
    engine.dispose()
    return open_database(path)


@pytest.mark.parametrize("is_killed", [False, True], ids=["finished", "killed"])
def test_what_two_writers_made_is_what_one_makes(
    engine: Engine, whole: dict[str, Any], is_killed: bool
) -> None:
    before, after = parts()
    writer = begin(engine, before)
    if is_killed:
        engine = leave(engine, writer)
    else:
        writer.__exit__(None, None, None)
    with going_on(engine, int(after["t"][1])) as writer:
        writer.append(1, after)
    assert_alike(all_of(engine), whole)
    assert not check(engine).findings
    engine.dispose()


def test_however_often_it_fails_small_segments_do_not_become_many(engine: Engine) -> None:
    events = random_events(40, seed=5)
    engine = leave(engine, begin(engine, events[:1]))
    for number in range(1, 40):
        writer = going_on(engine, int(effect_time(events)[number]))
        with pytest.raises(KeyboardInterrupt), writer:
            writer.append(1, events[number : number + 1])
            writer._commit()
            writer._is_torn = True  # so that nothing is finished
            raise KeyboardInterrupt
    assert rows(engine, "SELECT sum(is_tail) FROM segment") == [(2,)]
    stored = np.concatenate([part for part, _ in Reader(engine).iter_events(1)])
    np.testing.assert_array_equal(stored["t"], events["t"])
    engine.dispose()


def test_each_run_is_a_chapter_with_its_clocks_and_why_it_ended(engine: Engine) -> None:
    before, after = parts()
    engine = leave(engine, begin(engine, before))
    last_t = int(effect_time(before)[-1])
    from_t = int(after["t"][1])
    header = replace(LIVE, from_t=from_t, boot_id="other", clock_start_ns=5, wall_start_ns=9)
    past = find_past(engine, header)
    with RecordingWriter(engine, header, is_live=True, past=past) as writer:
        writer.append(1, after)
    columns = "from_t, to_t, boot_id, clock_start_ns, wall_start_ns, ended"
    first, second = rows(engine, f"SELECT {columns} FROM chapter ORDER BY id")
    assert first[:5] == (0, last_t, "boot", LIVE.clock_start_ns, 7)
    assert "ended without finishing" in first[5]
    end = int(effect_time(after)[-1])
    assert second == (from_t, end, "other", 5, 9, "it was asked to end")
    (recording,) = Reader(engine).recordings()
    assert (recording.state, recording.incomplete_reason) == ("complete", None)
    assert recording.clock_start_ns == LIVE.clock_start_ns
    engine.dispose()


def test_losses_and_lost_events_go_on_adding_up(engine: Engine) -> None:
    before, after = parts()
    writer = begin(engine, before)
    writer.add_loss(Loss(5, 9, 4, None, "tracefs"))
    writer.__exit__(None, None, None)
    with going_on(engine, int(after["t"][1])) as writer:
        writer.add_loss(Loss(10, 20, None, None, "not recording"))
        writer.add_loss(Loss(30, 40, 3, 1, "tracefs"))
    (recording,) = Reader(engine).recordings()
    assert (recording.losses, recording.lost_events) == (3, 7)
    assert [loss.count for loss in Reader(engine).losses(1)] == [4, None, 3]


def test_memslots_go_on_and_end_by_their_numbers(engine: Engine) -> None:
    before, after = parts()
    begin(engine, before).__exit__(None, None, None)
    from_t = int(after["t"][1])
    with going_on(engine, from_t) as writer:
        writer.append(1, after[:2])
        writer.delete_memslot(1, 0, 1, from_t + 1)
    kept, gone = Reader(engine).memslots(1)
    assert (kept.slot, kept.from_t, kept.to_t) == (0, 0, None)
    assert (gone.slot, gone.from_t, gone.to_t) == (1, 0, from_t + 1)
    (vm,) = Reader(engine).vms()
    assert vm.private_pages + vm.shared_pages + vm.unknown_pages == 2048


def test_state_is_writing_while_it_goes_on_and_readers_see_news(engine: Engine) -> None:
    before, after = parts()
    begin(engine, before).__exit__(None, None, None)
    (vm,) = Reader(engine).vms()
    with going_on(engine, int(after["t"][1])) as writer:
        reader = Reader(engine)
        (recording,) = reader.recordings()
        writing = reader.writing(recording)
        assert (recording.state, recording.row_checksum) == ("writing", None)
        assert writing is not None
        assert writing.is_alive
        assert reader.vm(vm.id).revision > vm.revision
        writer.append(1, after)
    assert Reader(engine).recordings()[0].state == "complete"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (replace(LIVE, host="rack-8"), "no live recording of the host rack-8"),
        (replace(LIVE, source="tracefs"), "the source of recording 1 is simulator"),
        (replace(LIVE, clock="boot"), "the clock of recording 1 is mono"),
        (replace(LIVE, coverage={"sees": {"page-faults": True}}), "conversions, page-faults"),
    ],
    ids=["host", "source", "clock", "sees"],
)
def test_what_cannot_be_gone_on_with_is_named(
    engine: Engine, other: RecordingHeader, why: str
) -> None:
    begin(engine, parts()[0]).__exit__(None, None, None)
    with pytest.raises(CannotGoOn, match=why):
        find_past(engine, other)


def test_a_recording_without_chapters_is_not_gone_on_with(engine: Engine) -> None:
    begin(engine, parts()[0]).__exit__(None, None, None)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM chapter")
        connection.exec_driver_sql("UPDATE recording SET row_checksum = NULL")
    with pytest.raises(CannotGoOn, match="an earlier gmemscope made recording 1"):
        find_past(engine, LIVE)


def test_a_damaged_recording_is_not_gone_on_with(engine: Engine) -> None:
    begin(engine, parts()[0]).__exit__(None, None, None)
    blob = "UPDATE segment SET change_blob = zeroblob(40) WHERE id = (SELECT max(id) FROM segment)"
    with closing(sqlite3.connect(str(engine.url.database))) as raw, raw:
        raw.execute(blob)
    with pytest.raises(CannotGoOn, match="recording 1: the database is damaged"):
        find_past(engine, LIVE)


def test_it_must_be_as_it_was_when_it_was_read(engine: Engine) -> None:
    before, after = parts()
    begin(engine, before).__exit__(None, None, None)
    stale = going_on(engine, int(after["t"][1]))
    with going_on(engine, int(after["t"][1])) as writer:
        writer.append(1, after)
    with pytest.raises(StoreError, match="was changed before"), stale:
        pass
    assert Reader(engine).recordings()[0].state == "complete"


def test_a_changed_chapter_is_found(engine: Engine) -> None:
    begin(engine, parts()[0]).__exit__(None, None, None)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE chapter SET wall_start_ns = 8")
    assert [finding.part for finding in check(engine).findings] == ["rows"]


WRITE_FOREVER = """
import sys
sys.path.append(sys.argv[2])
from app.store.database import open_database
from tests.store.histories import random_events
from tests.store.test_going_on import begin

events = random_events(200_000, seed=7)
writer = begin(open_database(sys.argv[1]), events[:100])
for first in range(100, len(events), 130):
    writer.append(1, events[first : first + 130])
    writer.advance(int(events["t"][first]))
    print(first, flush=True)
"""


def test_after_sigkill_what_was_committed_is_gone_on_with(path: Path) -> None:
    command = [sys.executable, "-c", WRITE_FOREVER, str(path), str(Path(__file__).parents[2])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writing:
        assert writing.stdout is not None
        for line in writing.stdout:
            if int(line) > 5_000:
                break
        writing.kill()
    engine = open_database(path)
    (vm,) = Reader(engine).vms()
    before = random_events(200_000, seed=7)[: vm.events]
    after = random_events(600, seed=8)
    after["t"] += vm.last_t + 1_000
    after = np.concatenate((gap(before, after), after))
    with going_on(engine, int(after["t"][1])) as writer:
        writer.append(1, after)
    expected = PageMap(IDENTITY.start_state)
    expected.set_memslot(memslot(0, 0, 2048))
    expected.set_memslot(memslot(1, 2048, 2048))
    expected.apply(np.concatenate((before, after)), 0)
    now = Reader(engine).page_map_at(1, int(effect_time(after)[-1]))
    np.testing.assert_array_equal(now.runs(), expected.runs())
    assert not check(engine).findings
    engine.dispose()


def test_what_retention_left_is_gone_on_with(engine: Engine) -> None:
    """All that came before is gone but for its last map."""
    before, after = parts()
    with RecordingWriter(
        engine, LIVE, is_live=True, segment_events=SEGMENT, group_ns=1 << 60
    ) as writer:
        writer.set_memslot(writer.add_vm(IDENTITY), memslot(0, 0, 4096))
        writer.append(1, before)
    for group in groups(engine):
        list(retire_steps(engine, group))
    with going_on(engine, int(after["t"][1])) as writer:
        writer.append(1, after)
    expected = PageMap(IDENTITY.start_state)
    expected.set_memslot(memslot(0, 0, 4096))
    expected.apply(np.concatenate((before, after)), 0)
    now = Reader(engine).page_map_at(1, int(effect_time(after)[-1]))
    np.testing.assert_array_equal(now.runs(), expected.runs())
    assert not check(engine).findings
