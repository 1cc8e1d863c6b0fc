"""The streams that the benchmark of many memslots and many VMs is made of."""

from pathlib import Path

import numpy as np
import pytest

from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.schema import Vm
from app.store.write import RecordingWriter
from benchmarks.many import WHAT, Collector, short_vm, slots_set, vm_made
from collector.records import CallArray

SLOTS = np.arange(8)


def stored(path: Path, *streams: CallArray) -> tuple[list[Vm], int]:
    """The VMs, and how many memslots are alive."""
    engine = open_database(path / "many.db")
    with RecordingWriter(engine, RecordingHeader("many", "made", "bench", "boot", 0)) as writer:
        collecting = Collector(writer)
        for stream in streams:
            collecting.take(stream)
    reader = Reader(engine)
    vms = reader.vms(1)
    alive = sum(slot.to_t is None for vm in vms for slot in reader.memslots(vm.id))
    engine.dispose()
    return vms, alive


@pytest.mark.parametrize(
    ("name", "alive", "events"),
    [
        ("deleted and set again", 8, {"memslot": 24}),
        ("moved", 8, {"memslot": 16}),
        ("deleted, the host unmaps meanwhile", 0, {"memslot": 16, "unmap": 4}),
    ],
)
def test_streams_do_what_they_say(
    tmp_path: Path, name: str, alive: int, events: dict[str, int]
) -> None:
    (vm,), found = stored(tmp_path, vm_made(), slots_set(SLOTS), WHAT[name](SLOTS))
    assert (found, vm.events_by_kind) == (alive, events)


def test_short_lived_vms_end(tmp_path: Path) -> None:
    vms, alive = stored(tmp_path, short_vm(1000), short_vm(1001))
    assert alive == 0
    assert [(vm.pid, vm.requested, vm.effective_pages) for vm in vms] == [
        (1000, 4, 2),
        (1001, 4, 2),
    ]
    assert all(vm.ended_t is not None for vm in vms)
