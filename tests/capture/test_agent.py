"""The agent between a source and the store: what it counts, keeps and says when something fails."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import sqlalchemy
from sqlalchemy import Engine

from app.model.events import EventArray
from app.model.guest import Outcome
from app.store.database import _connecting as connecting, open_database
from app.store.errors import StoreError
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.write import RecordingWriter, _writer as writer
from collector.assemble import Assembler, _assembler as assembler
from collector.capture.agent import Collected, Context, _agent as agent, collect
from collector.capture.live import LiveBatch, SourceEnded
from collector.codes import SAW_ENTER, CallCode
from collector.records import CallArray
from collector.vm_inventory import Inventory
from tests.capture.live_double import LiveDouble, call, conversion, created_vm, loss

NOTHING = conversion(0, 0)[:0]
SECOND = 1_000_000_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(tmp_path / "agent.db")
    yield opened
    opened.dispose()


@pytest.fixture
def each_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch is: none comes too soon after the one before."""
    monkeypatch.setattr(writer, "LIVE_COMMIT_S", 0.0)
    monkeypatch.setattr(writer, "LIVE_COMMIT_REST", 0)


class Clock:
    """The recording's time, as the agent reads it."""

    def __init__(self) -> None:
        self.t = 0

    def __call__(self) -> int:
        return self.t


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock()
    monkeypatch.setattr(agent, "clock_since", lambda clock, start_ns: told)
    return told


def run(
    engine: Engine,
    source: LiveDouble,
    context: Context = Context(),  # noqa: B008 -- frozen
    **options: Any,  # noqa: ANN401 -- handed on
) -> Collected:
    def open_sink(header: RecordingHeader) -> RecordingWriter:
        return RecordingWriter(engine, header, is_live=True)

    return collect(source, open_sink, Event(), context, **options)


def coverage_of(engine: Engine, recording_id: int = 1) -> dict[str, Any]:
    return Reader(engine).recording(recording_id).coverage


def test_counts_are_kept_with_the_recording(engine: Engine, tmp_path: Path) -> None:
    calls = np.concatenate((created_vm(100), conversion(200, 1), conversion(300, 2)))
    later = np.concatenate((loss(400, 500, 7), conversion(600, 3)))
    source = LiveDouble([(calls, 350), (later, 700), (NOTHING, 800)])
    collected = run(engine, source, Context(database=tmp_path / "agent.db"))
    counters = collected.counters
    assert (counters.events, counters.batches) == (4, 3)
    assert counters.kinds == {"conversion": 3, "loss_begin": 1, "loss_end": 1}
    assert (counters.lost, counters.losses) == (7, 1)
    assert counters.bytes == calls.nbytes + later.nbytes
    assert counters.database_bytes is not None
    assert counters.database_bytes > 0
    assert min(counters.max_rss_bytes, counters.at_unix_ms) > 0
    kept = coverage_of(engine)["collector"]
    assert kept["kinds"] == counters.kinds
    assert (kept["events"], kept["lost"], kept["slept_s"]) == (4, 7, 0.0)


@pytest.mark.usefixtures("each_committed")
def test_a_step_counts_as_being_behind_for_as_long_as_it_takes(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read last was fresh when it was read: what a reader can see is not."""
    append, said = RecordingWriter.append, list[str]()

    def slowly(writer: RecordingWriter, vm_id: int, events: EventArray) -> None:
        clock.t += 172 * SECOND
        append(writer, vm_id, events)

    def pass_time() -> None:
        clock.t += SECOND // 10

    monkeypatch.setattr(RecordingWriter, "append", slowly)
    first = np.concatenate((created_vm(100), conversion(200, 1)))
    rest = [(NOTHING, 172 * SECOND), (NOTHING, 172 * SECOND + SECOND // 5)]
    source = LiveDouble([(first, SECOND // 10), *rest], pass_time)
    counters = run(engine, source, notify=said.append).counters
    assert 172 * SECOND <= counters.max_lag_ns < 173 * SECOND
    assert counters.lag_ns < SECOND
    assert [sentence.partition(":")[0] for sentence in said] == [
        "172 s behind what happens",
        "caught up; it was 172 s behind at most",
    ]
    coverage = coverage_of(engine)
    assert coverage["collector"]["max_lag_ns"] == counters.max_lag_ns
    assert any("up to 172 s behind" in note for note in coverage["notes"])


@pytest.mark.usefixtures("each_committed")
def test_a_batch_of_many_rare_calls_can_be_seen_part_by_part(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembler, "MOST_RARE_CALLS", 4)
    visible: list[int] = []
    add = Assembler.add

    def look(one: Assembler, calls: CallArray) -> None:
        visible.append(sum(vm.events for vm in Reader(engine).vms(1)))
        add(one, calls)

    monkeypatch.setattr(Assembler, "add", look)
    calls = [memslot(200 + n, n) for n in range(15)]
    run(engine, LiveDouble([(np.concatenate((created_vm(100), *calls)), 1000)]))
    assert visible == [0, 3, 7, 11]


def memslot(ts: int, slot: int) -> CallArray:
    return call(CallCode.SET_REGION, ts, v=(slot, slot << 21, 1 << 21, 0x7F00_0000_0000))


def test_host_and_notes_are_kept_with_the_recording(engine: Engine) -> None:
    found = Inventory(clock_ns=0, vms=(), notes=("one process may not be looked into",))
    context = Context(found=found, host={"kernel": {"release": "6.0"}}, notes=("kept a right",))
    run(engine, LiveDouble([(NOTHING, 100)]), context)
    coverage = coverage_of(engine)
    assert coverage["host"] == {"kernel": {"release": "6.0"}}
    assert coverage["notes"] == ["kept a right", "one process may not be looked into"]


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """In which order things reach the assembler: times of calls, and "inventory"."""
    reached: list[object] = []

    def add(assembler: Assembler, calls: CallArray) -> None:
        reached.extend(int(t) - START for t in calls["ts_exit"])

    monkeypatch.setattr(Assembler, "add", add)
    monkeypatch.setattr(
        Assembler, "add_inventory", lambda assembler, found: reached.append("inventory")
    )
    return reached


START = LiveDouble([]).describe().clock_start_ns


def test_what_was_found_comes_between_the_calls_before_and_after(
    engine: Engine, order: list[object]
) -> None:
    batches = [
        (conversion(100, 1), 150),
        (np.concatenate((conversion(200, 1), conversion(300, 2), conversion(400, 2))), 450),
        (conversion(500, 1), 550),
    ]
    found = Inventory(clock_ns=START + 300, vms=())
    run(engine, LiveDouble(batches), Context(found=found))
    assert order == [100, 200, 300, "inventory", 400, 500]


def test_what_was_found_is_told_although_nothing_happens(
    engine: Engine, order: list[object]
) -> None:
    found = Inventory(clock_ns=START + 300, vms=())
    run(engine, LiveDouble([(NOTHING, 100), (NOTHING, 400)]), Context(found=found))
    assert order == ["inventory"]
    run(engine, LiveDouble([(NOTHING, 100)]), Context(found=found))
    assert order == ["inventory", "inventory"], "the recording ended before its time was reached"


def test_call_that_its_process_did_not_survive_is_unconfirmed(engine: Engine) -> None:
    cut = conversion(300, 2)
    cut["flags"] &= ~np.uint8(2)  # no exit
    cut["ts_exit"] = cut["ts_enter"]
    cut["flags"] |= SAW_ENTER
    cut["ts_exit"] = cut["ts_enter"]
    run(engine, LiveDouble([(np.concatenate((created_vm(100), conversion(200, 1), cut)), 400)]))
    vm = Reader(engine).vms(1)[0]
    assert (vm.requested, vm.applied, vm.unconfirmed) == (2, 1, 1)
    events, _ = Reader(engine).events(vm.id, limit=10)
    assert events["outcome"].tolist() == [Outcome.APPLIED, Outcome.UNCONFIRMED]


class Ending(LiveDouble):
    def batches(self, stop: Event) -> Iterator[LiveBatch]:
        yield from super().batches(stop)
        raise SourceEnded("bpftrace was ended by SIGKILL")


def test_source_that_ends_leaves_a_recording_that_says_why(engine: Engine) -> None:
    collected = run(engine, Ending([(created_vm(100), 200)]))
    assert collected.problem == "bpftrace was ended by SIGKILL"
    recording = Reader(engine).recording(collected.recording_id)
    assert (recording.state, recording.incomplete_reason) == ("incomplete", collected.problem)
    assert len(Reader(engine).vms(collected.recording_id)) == 1


def test_slow_store_is_told_as_waiting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    append = RecordingWriter.append

    def slowly(writer: RecordingWriter, vm_id: int, events: EventArray) -> None:
        time.sleep(0.2)
        append(writer, vm_id, events)

    monkeypatch.setattr(RecordingWriter, "append", slowly)
    batches = [(np.concatenate((created_vm(100), conversion(200, 1))), 300)]
    counters = run(engine, LiveDouble([*batches, (conversion(400, 2), 500)])).counters
    assert counters.waited_s >= 0.4
    assert 0.2 <= counters.max_wait_s <= counters.waited_s


@pytest.fixture
def small_disk(engine: Engine) -> Iterator[Engine]:
    """A database that may not grow beyond 160 KiB or so."""
    engine.dispose()

    def limit(connection: Any, _record: object) -> None:  # noqa: ANN401 -- a DBAPI object
        connection.execute("PRAGMA max_page_count = 40")

    sqlalchemy.event.listen(engine, "connect", limit)
    yield engine
    sqlalchemy.event.remove(engine, "connect", limit)


@pytest.mark.usefixtures("each_committed")
def test_full_disk_ends_the_recording_which_says_so(small_disk: Engine, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def flood(first: int) -> CallArray:
        calls = np.repeat(conversion(first, 1), 20_000)
        calls["v"][:, 0] = rng.integers(0, 1 << 22, len(calls)).astype(np.uint64) << np.uint64(12)
        return calls

    batches = [(created_vm(50), 60), *((flood(t), t + 50) for t in range(100, 2000, 100))]
    source = LiveDouble(batches)
    with pytest.raises(StoreError, match="the disk is full; what was committed before is kept"):
        run(small_disk, source)
    small_disk.dispose()
    engine = open_database(tmp_path / "agent.db")
    recording = Reader(engine).recording(1)
    assert recording.state == "incomplete"
    assert recording.incomplete_reason is not None
    engine.dispose()


@pytest.mark.usefixtures("each_committed")
def test_database_that_another_process_locks_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one of ours, which know the writer's lock: the sqlite3 shell, say."""
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_MS", 50)
    engine, other = open_database(tmp_path / "agent.db"), open_database(tmp_path / "agent.db")
    locked: list[Any] = []

    def lock() -> None:
        if not locked and Reader(engine).vms(1):
            locked.append(other.raw_connection())
            locked[0].cursor().execute("BEGIN IMMEDIATE")

    batches = [(created_vm(100), 200), (conversion(300, 1), 400), (conversion(500, 2), 600)]
    with pytest.raises(StoreError, match="another process holds the database locked"):
        run(engine, LiveDouble([*batches, (conversion(700, 3), 800)], lock))
    locked[0].close()
    other.dispose()
    engine.dispose()
    with closing_database(tmp_path / "agent.db") as reader:
        recording = reader.recording(1)
        assert recording.state == "incomplete", "whoever opens it next knows"
        assert len(reader.vms(1)) == 1


@contextmanager
def closing_database(path: Path) -> Iterator[Reader]:
    engine = open_database(path)
    yield Reader(engine)
    engine.dispose()


def test_ends_after_its_duration(engine: Engine) -> None:
    def forever() -> Iterator[tuple[CallArray, int]]:
        reached = 0
        while True:
            reached += 100
            yield NOTHING, reached

    source = LiveDouble([])
    source._batches = forever()  # type: ignore[assignment]
    begun: list[int] = []
    collected = run(engine, source, duration_s=0.2, report=begun.append)
    assert begun == [collected.recording_id]
    assert collected.counters.duration_s >= 0.2
    assert Reader(engine).recording(1).state == "complete"
