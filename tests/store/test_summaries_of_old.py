"""Summaries that an earlier gmemscope wrote hold less: what they lack is counted anew."""

import numpy as np
import pytest
from sqlalchemy import Engine, text

from app.model.guest import Certainty, EventKind, Outcome, To
from app.model.raster import FIELDS
from app.store.codecs import read_batch
from app.store.codecs._arrow import write_batch
from app.store.read import Reader
from app.store.read._raster import is_on_quanta
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, memslot, random_events

COUNTED_LATER = ("to_unknown", "uncertain", "unplaced", "doubts")


@pytest.fixture
def vm_id(engine: Engine) -> int:
    """A VM with sealed segments: some conversions have no range, some are perhaps of another VM."""
    events = random_events(2_000)
    events["range_certainty"][::7], events["to"][::7] = Certainty.UNKNOWN, To.UNKNOWN
    is_open = (events["kind"] == EventKind.CONVERSION) & (events["outcome"] == Outcome.UNCONFIRMED)
    events["kind"][np.flatnonzero(is_open)[::2]] = EventKind.DOUBT
    with RecordingWriter(engine, HEADER, segment_events=400) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, 4096))
        writer.append(vm, events)
    return vm


def without_later_counts(blob: bytes) -> bytes:
    batch = read_batch(blob)
    names = [n for n in batch.schema.names if n.partition(".")[0] not in COUNTED_LATER]
    return write_batch({name: batch.column(name) for name in names})


def make_old(engine: Engine) -> None:
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT segment_id, timeline_blob FROM summary")).all()
        assert len(rows) > 2
        for segment_id, blob in rows:
            connection.execute(
                text(
                    "UPDATE summary SET timeline_blob = :blob, timeline_checksum = NULL "
                    "WHERE segment_id = :id"
                ),
                {"blob": without_later_counts(blob), "id": segment_id},
            )


def test_what_old_summaries_lack_is_counted_from_their_segments(engine: Engine, vm_id: int) -> None:
    shift = 12
    last = Reader(engine).span(vm_id)[1]
    edges = np.arange(0, (last >> shift) + 2, dtype=np.int64) << shift
    new = Reader(engine).timeline(vm_id, edges)
    assert all(getattr(new, name).sum() > 0 for name in COUNTED_LATER)
    make_old(engine)
    reader = Reader(engine)
    with engine.connect() as connection:
        infos = reader._segments.of_vm(connection, vm_id)
        assert any(is_on_quanta(edges, info) for info in infos)
    old = reader.timeline(vm_id, edges)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(old, name), getattr(new, name), name)
