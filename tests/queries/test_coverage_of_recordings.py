"""What recordings show, also while others are being made."""

from pathlib import Path

from app.model.guest import Capability
from app.queries.inventory import coverage_view, recording_views
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.schema import Host, Recording
from app.store.write import RecordingWriter


class BusyReader(Reader):
    """Another host's recording begins between any two questions."""

    def hosts(self) -> list[Host]:
        found = super().hosts()
        self.record()
        return found

    def recordings(self) -> list[Recording]:
        found = super().recordings()
        self.record()
        return found

    def record(self) -> None:
        name = f"host-{len(super().recordings())}"
        header = RecordingHeader(name, "simulator", name, "mono", 0)
        with RecordingWriter(self._engine, header):
            pass


def test_a_recording_of_a_new_host_may_begin_meanwhile(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "gmemscope.db")
    reader = BusyReader(engine)
    reader.record()
    assert [view.host for view in recording_views(reader)] == ["host-0"]
    engine.dispose()


def test_what_an_earlier_version_did_not_ask_for_is_missing(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "gmemscope.db")
    asked = {one.value: True for one in Capability if one is not Capability.PHASE_MARKS}
    coverage = {"sees": asked, "missing": []}
    header = RecordingHeader("old", "simulator", "old", "mono", 0, coverage=coverage)
    with RecordingWriter(engine, header) as writer:
        recording_id = writer.recording_id
    view = coverage_view(Reader(engine), recording_id)
    engine.dispose()
    assert view.sees == asked | {"phase-marks": False}
    (missing,) = view.missing or []
    assert missing["capability"] == "phase-marks"
    assert "did not ask" in missing["costs"]


def test_a_recording_that_does_not_state_what_it_sees_is_left_as_it_is(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "gmemscope.db")
    with RecordingWriter(engine, RecordingHeader("x", "simulator", "x", "mono", 0)) as writer:
        recording_id = writer.recording_id
    view = coverage_view(Reader(engine), recording_id)
    engine.dispose()
    assert view.sees is None
    assert view.missing is None
