"""Databases to put histories in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.model.events import EventArray
from app.model.guest import Memslot
from app.store.database import open_database
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, Write, Written, memslot


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "gmemscope.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    opened = open_database(path)
    yield opened
    opened.dispose()


@pytest.fixture
def write(engine: Engine) -> Write:
    """Write one complete recording of one VM, its events in batches of `batch`."""

    def write_recording(
        events: EventArray,
        *,
        memslots: tuple[Memslot, ...] = (memslot(0, 0, 4096),),
        batch: int = 1 << 20,
        segment_events: int = 64,
    ) -> Written:
        with RecordingWriter(engine, HEADER, segment_events=segment_events) as writer:
            vm_id = writer.add_vm(IDENTITY)
            for one in memslots:
                writer.set_memslot(vm_id, one)
            for first in range(0, len(events), batch):
                writer.append(vm_id, events[first : first + batch])
        return Written(writer.recording_id, vm_id)

    return write_recording
