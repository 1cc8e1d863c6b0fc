"""The recordings that views are measured on, and that each view of the table can be asked for."""

import json

import numpy as np
import pytest

from benchmarks import scale
from benchmarks.scale import VM, cost_of, recorded
from benchmarks.scale_views import VIEWS, Recording
from benchmarks.served import served

EVENTS = 3_000


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return recorded(tmp_path_factory.mktemp("scale"), EVENTS)


def test_a_recording_is_that_of_a_terabyte_with_all_its_conversions(recording: Recording) -> None:
    with served(recording.database) as server:
        vm = json.loads(server.get(f"/api/v1/vms/{VM}"))
    assert vm["conversions"]["requested"] == EVENTS
    assert recording.end_gfn > 1 << 28
    assert 0 < recording.from_t < recording.end_t
    assert recording.cpu > 0
    assert 0 < recording.bytes < recording.database.stat().st_size
    assert recording.touched
    assert all(recording.first_gfn <= gfn < recording.end_gfn for gfn in recording.touched)


def test_every_view_is_answered_and_costs_the_server_something(recording: Recording) -> None:
    with served(recording.database) as server:
        for view in VIEWS:
            questions = view.questions(recording, np.random.default_rng(1))
            costs = [cost_of(server, next(questions), VM) for _ in range(3)]
            assert min(costs) > 0, view.name


def test_what_the_server_refuses_is_no_figure(recording: Recording) -> None:
    with served(recording.database) as server, pytest.raises(RuntimeError, match="404"):
        cost_of(server, ("/api/v1/vms/{vm}/nothing",), VM)


def test_a_recording_is_used_again_until_what_writes_it_changes(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recording.database.parent
    notes = folder / f"{EVENTS}.json"
    written = notes.stat().st_mtime_ns
    assert recorded(folder, EVENTS) == recording
    assert notes.stat().st_mtime_ns == written
    monkeypatch.setattr(scale, "writing_code", lambda: "of another time")
    assert recorded(folder, EVENTS).touched == recording.touched
    assert json.loads(notes.read_text())["code"] == "of another time"
