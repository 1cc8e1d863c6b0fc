"""Recordings through the importer into the database and out again, against their ground truth."""

import itertools
from pathlib import Path

import pytest

from app.model.guest import PageState
from app.store.database import open_database
from app.store.read import Reader
from app.store.write import RecordingWriter
from collector.importing import format_of, import_file
from tests.assemble.conversion_truth import K4, private_pages, read_truth

Pages = set[int]


def pages_in(reader: Reader, vm_id: int, t: int, state: PageState) -> Pages:
    """All gfns of that state in live memslots at `t`."""
    runs = reader.page_map_at(vm_id, t).runs()
    return {
        gfn
        for run in runs[runs["state"] == state]
        for gfn in range(int(run["gfn"]), int(run["gfn"]) + int(run["npages"]))
    }


@pytest.mark.parametrize("name", ["convwork/bpf.txt", "convwork/probes.dat"])
def test_state_and_memslots_read_back_equal_truth(
    recordings: Path, tmp_path: Path, name: str
) -> None:
    path = recordings / name
    truth = read_truth(path.with_name(f"{path.stem}.truth.jsonl"))
    engine = open_database(tmp_path / "gmemscope.db")
    result = import_file(path, format_of(path), lambda header: RecordingWriter(engine, header))
    reader = Reader(engine)
    start_ns = int(reader.recording(result.recording_id).clock_start_ns)
    vms = reader.vms(result.recording_id)
    assert [vm.requested for vm in vms] == [len(vm.conversions) for vm in truth.vms]
    for vm, true in zip(vms, truth.vms, strict=True):
        assert len(reader.memslots(vm.id)) == len(true.memslots)
        calls = sorted(true.conversions, key=lambda c: c.t1)
        for before, after in list(itertools.pairwise(calls))[::25]:
            if after.t0 <= before.t1:
                continue
            at = (before.t1 + after.t0) // 2
            slots = [s for s in true.memslots if s.begin[1] < at and (not s.end or s.end[0] > at)]
            covered = {gfn for s in slots for gfn in range(s.gpa // K4, (s.gpa + s.size) // K4)}
            private = private_pages(true, at) & covered
            assert pages_in(reader, vm.id, at - start_ns, PageState.PRIVATE) == private
            assert pages_in(reader, vm.id, at - start_ns, PageState.SHARED) == covered - private
    engine.dispose()


def test_lossy_recording_is_stored_with_its_losses(recordings: Path, tmp_path: Path) -> None:
    engine = open_database(tmp_path / "gmemscope.db")
    path = recordings / "lossy" / "extract.dat"
    result = import_file(path, "trace.dat", lambda header: RecordingWriter(engine, header))
    recording = Reader(engine).recording(result.recording_id)
    assert recording.lost_events == result.lost_events == 12424
    assert recording.losses == 2
    engine.dispose()
