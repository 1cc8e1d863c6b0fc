"""What is said of recordings, also while others are being made."""

from pathlib import Path

from app.queries.inventory import recording_views
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
