"""`gmemscope warm`: compile the hot loops once, so that the first recording does not wait."""

import compileall
import tempfile
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from app import resources
from app.commands.recording import ImportTask, import_one, showing_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

CONVERSIONS = 50
SEGMENT_EVENTS = 700
PACKAGES = [resources.ROOT / name for name in ("app", "collector")]
LINES = {
    "perf.txt": "vmm 1 [000] 1.000001: syscalls:sys_exit_ioctl: 0x0\n",
    "qemu.log": "kvm_convert_memory start 0x0 size 0x1000 shared_to_private\n",
}
"""No more is needed to compile what reads text."""


def command() -> None:
    """Compile the hot loops and keep the result on disk. What is left out here is at first use."""
    keep_bytecode()
    from app.store.database import open_database

    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(Path(folder) / "warm.db")
        record_something(engine)
        for example in sorted(resources.folder("examples").glob("*.dat")):
            import_one(ImportTask(engine, again=True), example)
        for name, line in LINES.items():
            text = Path(folder) / name
            text.write_text(line)
            import_one(ImportTask(engine, again=True), text)
        look_at_everything(engine)
        engine.dispose()


def keep_bytecode() -> None:
    """Of Python itself: where the environment forbids to write it (PYTHONDONTWRITEBYTECODE, as in
    many containers), every command would compile all sources anew."""
    for package in PACKAGES:
        compileall.compile_dir(package, quiet=2)


def record_something(engine: "Engine") -> None:
    """Drive the writer, which also makes coarse summaries of segments as small as these."""
    from app.store.write import RecordingWriter
    from collector.simulator import Limits, play, recording_header

    showing = showing_of(name=None, seed=1, memory=None, vcpus=None)
    header = recording_header(showing)
    with RecordingWriter(engine, header, segment_events=SEGMENT_EVENTS) as writer:
        play(showing, Limits(conversions=CONVERSIONS), writer, stop=Event())


def look_at_everything(engine: "Engine") -> None:
    """Drive what a screen asks for."""
    from app.model.stats import EventQuery
    from app.queries.choices import What
    from app.queries.events import Export, export_batches
    from app.queries.figures import last_instant
    from app.queries.history import Accounts, timeline_of
    from app.queries.maps import MapQuery, Rasters, map_layout
    from app.queries.storms import interval_view
    from app.store.read import Reader

    reader = Reader(engine)
    for vm in reader.vms():
        interval_view(reader, vm, 0, last_instant(reader, vm) + 1)
        Accounts(reader).of(vm, None, None)
        middle = last_instant(reader, vm) // 2
        whole = MapQuery(None, None, None, None, width=100, height=100)
        layout = map_layout(reader, vm, whole)
        Rasters(reader).draw(vm, layout)
        Rasters(reader).draw_churn(vm, layout)
        timeline_of(reader, vm.id or 0, EventQuery(t_from=middle), 10)
        timeline_of(reader, vm.id or 0, EventQuery(gfn_from=1), 10)
        for what in What:
            for _ in export_batches(reader, vm, Export(what, at=middle)):
                pass
