"""A database that gmemscope 0.1.0 wrote: opened, migrated, and answered from as it was.

databases/0.1.0.db.xz was made by commit e90ecee, before the second schema: `gmemscope import
docs/examples/convwork.dat`, then `gmemscope simulate calm --duration 3`. The numbers below are what
these commands printed then.
"""

import lzma
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from app.model.guest import EventKind
from app.store.database import open_database
from app.store.read import Reader

PACKED = Path(__file__).parent / "databases" / "0.1.0.db.xz"
IMPORTED, SIMULATED = 1, 2


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    path = tmp_path_factory.mktemp("first") / "gmemscope.db"
    path.write_bytes(lzma.decompress(PACKED.read_bytes()))
    return open_database(path)


@pytest.fixture(scope="module")
def reader(engine: Engine) -> Reader:
    return Reader(engine)


def test_all_that_was_counted_is_there(reader: Reader) -> None:
    vms = reader.vms(IMPORTED)
    assert [(vm.name, vm.pid, vm.vm_fd) for vm in vms] == [
        ("convwork vm fd 5", 134, 5),
        ("convwork vm fd 7", 134, 7),
        ("convwork vm fd 7 #2", 134, 7),
    ]
    unattributed = [vm for vm in reader.vms(IMPORTED, include_unattributed=True) if vm not in vms]
    everything = [*vms, *unattributed]
    assert sum(vm.requested for vm in everything) == 689
    assert sum(vm.applied for vm in everything) == 681
    assert sum(vm.failed for vm in everything) == 8
    assert sum(vm.effective_pages for vm in everything) == 39639
    (calm,) = reader.vms(SIMULATED)
    assert (calm.requested, calm.applied, calm.effective_pages) == (1482, 1482, 4198306)


@pytest.mark.parametrize("recording", [IMPORTED, SIMULATED])
def test_events_and_changes_are_those_that_were_counted(reader: Reader, recording: int) -> None:
    for vm in reader.vms(recording):
        events = np.concatenate([events for events, _ in reader.iter_events(vm.id)])
        calls = events[events["kind"] == EventKind.CONVERSION]
        assert len(events) == vm.events
        assert len(calls) == vm.requested
        assert int(calls["effective_pages"].sum()) == vm.effective_pages


@pytest.mark.parametrize("recording", [IMPORTED, SIMULATED])
def test_the_last_state_is_what_the_changes_make(reader: Reader, recording: int) -> None:
    for vm in reader.vms(recording):
        pages = reader.page_map_at(vm.id, vm.last_t).totals()
        stored = (vm.private_pages, vm.shared_pages, vm.unknown_pages)
        assert (pages.private, pages.shared, pages.unknown) == stored


def test_what_it_did_not_keep_is_not_known(reader: Reader) -> None:
    (calm,) = reader.vms(SIMULATED)
    assert (calm.to_unknown, calm.uncertain, calm.guest_uuid) == (None, None, None)


def test_nothing_of_it_reads_as_damaged(reader: Reader) -> None:
    for recording in (IMPORTED, SIMULATED):
        assert reader.damaged_rows(reader.recording(recording)) == []
        for vm in reader.vms(recording, include_unattributed=True):
            assert reader.losses_by_damage(vm.id) == []
