"""One writer per database, and readers beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.store.database import _connecting as connecting, _lock as lock, open_database
from app.store.errors import WriterBusy
from app.store.read import Reader
from app.store.schema import RecordingState
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, random_events

HOLD = """
import sys
from app.store.database import WriterLock, open_database
with WriterLock(open_database(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

READ_ALL_THE_TIME = """
import sys
from app.store.database import _connecting as connecting
from app.store.database import open_database
from app.store.read import Reader
connecting.BUSY_TIMEOUT_MS = 0
reader = Reader(open_database(sys.argv[1], read_only=True))
print("ready", flush=True)
last = 0
while last < int(sys.argv[2]):
    vms = reader.vms()
    seqs = [seqs for vm in vms for _, seqs in reader.iter_events(vm.id)]
    count = sum(map(len, seqs))
    assert count >= last, "something that was seen is gone"
    last = count
"""
"""Where it would have to wait for the writer, it fails."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.0)


def test_a_second_writer_is_refused_and_told_who_writes(engine: Engine, path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(WriterBusy, match=f"process {holder.pid}") as refusal,
            RecordingWriter(engine, HEADER),
        ):
            pass
        assert refusal.value.pid == holder.pid
        assert Reader(engine).recordings() == []
        # Opening is no writing: it is welcome any time.
        open_database(path).dispose()
        holder.kill()
    with RecordingWriter(engine, HEADER) as writer:
        assert writer.recording_id > 0


@pytest.mark.usefixtures("impatient")
def test_a_second_writer_in_the_same_process_is_refused(engine: Engine) -> None:
    with (
        RecordingWriter(engine, HEADER),
        pytest.raises(WriterBusy, match=f"process {os.getpid()}"),
        RecordingWriter(engine, HEADER),
    ):
        pass


def test_a_process_may_write_one_recording_after_another(engine: Engine) -> None:
    for _ in range(3):
        with RecordingWriter(engine, HEADER):
            pass
    assert [one.state for one in Reader(engine).recordings()] == ["complete"] * 3


def test_a_lock_file_without_a_holder_is_no_obstacle(engine: Engine, path: Path) -> None:
    Path(f"{path}.lock").write_text("1\n")
    with RecordingWriter(engine, HEADER):
        pass


def test_opening_leaves_a_live_writers_recording_alone(engine: Engine, path: Path) -> None:
    with RecordingWriter(engine, HEADER) as writer:
        other = open_database(path)
        assert Reader(other).recording(writer.recording_id).state == RecordingState.WRITING
        other.dispose()


def test_a_reader_elsewhere_neither_waits_nor_loses_anything(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = 20_000
    open_database(path).dispose()
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_MS", 0)
    engine = open_database(path)
    reader = subprocess.Popen(
        [sys.executable, "-c", READ_ALL_THE_TIME, str(path), str(total)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        events = random_events(total)
        with RecordingWriter(engine, HEADER, segment_events=256) as writer:
            vm_id = writer.add_vm(IDENTITY)
            for first in range(0, total, 500):
                writer.append(vm_id, events[first : first + 500])
    engine.dispose()
    assert reader.returncode == 0
