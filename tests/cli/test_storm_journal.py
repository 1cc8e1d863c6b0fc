"""A storm that is recorded is a line when it begins, and one when it has ended."""

import re
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.commands.recording import _storm_journal as journal
from app.commands.recording._storm_journal import StormJournal
from app.model.guest import Certainty, PageState, VmIdentity
from app.queries.live import LiveStorms
from app.queries.storms import Storms, headline
from app.store.database import open_database
from app.store.errors import StoreError
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.write import RecordingWriter, _writer as writing, find_past
from tests.bursting import SECOND, burst

HEADER = RecordingHeader("live", "simulator", "host", "mono", 0)
GUEST = VmIdentity("guest-1", 70, 9, None, Certainty.UNKNOWN, PageState.SHARED)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(writing, "LIVE_COMMIT_S", 0)
    monkeypatch.setattr(writing, "LIVE_COMMIT_REST", 0)
    return open_database(tmp_path / "journal.db")


def record(engine: Engine, lines: StormJournal) -> int:
    """A storm of four seconds, and one that goes on when the recording ends."""
    with RecordingWriter(engine, HEADER, is_live=True) as writer:
        lines.look()
        vm_id = writer.add_vm(GUEST)
        for second, events in ((7, burst(5, 7)), (9, burst(7, 9)), (14, burst(0, 0))):
            writer.append(vm_id, events)
            writer.advance(second * SECOND)
            lines.look()
        writer.append(vm_id, burst(20, 21.5))
        writer.advance(22 * SECOND)
        lines.look()
    lines.look()
    return vm_id


def test_a_storm_has_two_lines(engine: Engine) -> None:
    lines: list[str] = []
    vm_id = record(engine, StormJournal(engine, lines.append))
    reader = Reader(engine)
    vm = reader.vm(vm_id)
    storms = Storms(reader)
    first, second = storms.list(vm).storms
    sentences = [headline(storms.facts(vm, storm)) for storm in (first, second)]
    assert sentences[0].startswith("an unknown thread asked 8,000 times to convert pages")
    assert lines == [
        "storm c0 of guest-1 (vm 1) has begun at t+5.000000 s: 4,000 conversions so far",
        "storm c0 of guest-1 (vm 1) has ended at t+8.999500 s: 8,000 conversions in 4 s, 2,000/s. "
        + sentences[0],
        "storm c8000 of guest-1 (vm 1) has begun at t+20.000000 s: 3,000 conversions so far",
        "storm c8000 of guest-1 (vm 1) has ended at t+21.499500 s: 3,000 conversions in 1.5 s, "
        "2,001/s. " + sentences[1],
    ]


def test_a_huge_storm_is_not_counted_beside_the_recorder(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST_COUNTED", 5_000)
    lines: list[str] = []
    record(engine, StormJournal(engine, lines.append))
    assert lines[1].endswith("2,000/s. Its page counts it: /vms/1/storms")


def test_it_is_a_thread_that_ends_with_the_recording(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LOOK_S", 0.01)
    lines: list[str] = []
    with StormJournal(engine, lines.append), RecordingWriter(engine, HEADER, is_live=True) as sink:
        vm_id = sink.add_vm(GUEST)
        sink.append(vm_id, burst(5, 7))
        sink.advance(7 * SECOND)
        while not lines:  # the test's own time limit ends it
            time.sleep(0.01)
    assert [re.sub(r" at .*", "", line) for line in lines] == [
        "storm c0 of guest-1 (vm 1) has begun",
        "storm c0 of guest-1 (vm 1) has ended",
    ]


def test_a_recording_that_is_over_at_once_has_its_lines(engine: Engine) -> None:
    """It begins and ends between two looks."""
    lines: list[str] = []
    with StormJournal(engine, lines.append), RecordingWriter(engine, HEADER, is_live=True) as sink:
        sink.append(sink.add_vm(GUEST), burst(5, 7))
    assert len(lines) == 2


def test_what_came_before_a_recording_was_gone_on_with_is_no_news(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LOOK_S", 0.01)
    with RecordingWriter(engine, HEADER, is_live=True) as sink:
        vm_id = sink.add_vm(GUEST)
        sink.append(vm_id, burst(5, 7))
    past = find_past(engine, HEADER)
    lines: list[str] = []
    of_this = StormJournal(engine, lines.append, past.stored.last_t)
    with of_this, RecordingWriter(engine, HEADER, is_live=True, past=past) as sink:
        sink.append(vm_id, burst(25, 27))
        sink.advance(27 * SECOND)
        while not lines:  # the test's own time limit ends it
            time.sleep(0.01)
    assert [re.sub(r" at .*", "", line) for line in lines] == [
        "storm c4000 of guest-1 (vm 1) has begun",
        "storm c4000 of guest-1 (vm 1) has ended",
    ]


def test_what_befalls_it_does_not_end_the_recording(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise StoreError("the disk is gone")

    lines: list[str] = []
    with StormJournal(engine, lines.append), RecordingWriter(engine, HEADER, is_live=True) as sink:
        monkeypatch.setattr(LiveStorms, "look", refuse)
        sink.add_vm(GUEST)
    assert lines == ["storms are not looked for any more: the disk is gone"]
    assert Reader(engine).recordings()[0].state == "complete"
