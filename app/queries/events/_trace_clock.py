"""The clock by which a VM's events were recorded."""

from app.model.events import TraceClock
from app.store.read import Reader
from app.store.schema import Vm


def trace_clock(reader: Reader, vm: Vm) -> TraceClock:
    """Of the runs of the recorder, where the recording is made of several."""
    chapters = reader.chapters(vm.recording_id)
    if chapters:
        return TraceClock(tuple((one.from_t, one.clock_start_ns) for one in chapters))
    return TraceClock(((0, reader.recording(vm.recording_id).clock_start_ns),))
