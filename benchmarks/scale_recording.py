"""Write what `gmemscope simulate load` writes, and print as JSON what it took.

    python -m benchmarks.scale_recording EVENTS DATABASE

VM 1 is a small recording of the same kind: who asks for it first has loaded all code before it asks
for VM 2, of which nothing is cached then. What making the events takes is not counted.
"""

import json
import sys
import time
from pathlib import Path
from threading import Event

from app.model.events import EventArray
from app.store.database import open_database
from app.store.write import RecordingWriter
from collector.simulator import Limits, Machine, Showing, play, recording_header
from collector.simulator.scenarios import SCENARIOS

SMALL_EVENTS = 20_000
MEMORY = 1 << 40
VCPUS = 64


class CountingWriter(RecordingWriter):
    """Adds up the CPU time that passes between events: that in which they are made."""

    making = 0.0
    _since = 0.0

    def append(self, vm_id: int, events: EventArray) -> None:
        self.making += time.thread_time() - self._since
        super().append(vm_id, events)
        self._since = time.thread_time()

    def start(self) -> None:
        self.making, self._since = 0.0, time.thread_time()


def write(path: Path, events: int) -> tuple[float, int]:
    """Add a recording; returns CPU seconds of writing it, and the bytes that the file grew by."""
    before = size(path)
    engine = open_database(path)
    showing = Showing(SCENARIOS["load"], Machine(MEMORY, VCPUS), seed=1)
    began = time.process_time()
    with CountingWriter(engine, recording_header(showing)) as writer:
        writer.start()
        play(showing, Limits(conversions=events), writer, stop=Event())
    cpu = time.process_time() - began - writer.making
    engine.dispose()
    return cpu, size(path) - before


def size(path: Path) -> int:
    """Of the database and of what is not in its file yet."""
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


def main() -> None:
    events, path = int(sys.argv[1]), Path(sys.argv[2])
    write(path, SMALL_EVENTS)
    cpu, grown = write(path, events)
    print(json.dumps({"events": events, "cpu": cpu, "bytes": grown}))


if __name__ == "__main__":
    main()
