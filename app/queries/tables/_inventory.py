"""Recordings and VMs as Arrow record batches: one flat row each."""

from collections.abc import Sequence

import pyarrow as pa

from app.queries.figures import Part
from app.queries.inventory import RecordingView, VmView

RECORDINGS = pa.schema(
    [
        ("id", pa.int64()),
        ("uuid", pa.string()),
        ("name", pa.string()),
        ("host", pa.string()),
        ("host_id", pa.int64()),
        ("source", pa.string()),
        ("state", pa.string()),
        ("incomplete_reason", pa.string()),
        ("is_live", pa.bool_()),
        ("clock", pa.string()),
        ("clock_start_ns", pa.uint64()),
        ("wall_start_ns", pa.int64()),
        ("kernel_release", pa.string()),
        ("origin", pa.string()),
        ("last_t", pa.int64()),
        ("lost_events", pa.int64()),
        ("losses", pa.int64()),
    ]
)
VMS = pa.schema(
    [
        ("id", pa.int64()),
        ("uuid", pa.string()),
        ("name", pa.string()),
        ("recording", pa.int64()),
        ("pid", pa.int64()),
        ("process_start_ns", pa.int64()),
        ("guest_uuid", pa.string()),
        ("vm_fd", pa.int64()),
        ("vm_type", pa.int64()),
        ("created_t", pa.int64()),
        ("created_certainty", pa.string()),
        ("ended_t", pa.int64()),
        ("ended_is_inferred", pa.bool_()),
        ("is_unattributed", pa.bool_()),
        ("may_be_several", pa.bool_()),
        ("start_state", pa.string()),
        ("span_from", pa.int64()),
        ("span_to", pa.int64()),
        ("private", pa.int64()),
        ("shared", pa.int64()),
        ("unknown", pa.int64()),
        ("mixed_2m", pa.int64()),
        ("requested", pa.int64()),
        ("applied", pa.int64()),
        ("failed", pa.int64()),
        ("unconfirmed", pa.int64()),
        ("to_unknown", pa.int64()),
        ("uncertain", pa.int64()),
        ("effective_pages", pa.int64()),
        ("lost_events", pa.int64()),
        ("layout_is_known", pa.bool_()),
        ("at_least", pa.string()),
    ]
)


def recordings_table(recordings: Sequence[RecordingView]) -> pa.RecordBatch:
    rows = []
    for recording in recordings:
        row = {name: getattr(recording, name) for name in RECORDINGS.names}
        wall = recording.wall_start_ns
        row["clock_start_ns"] = int(recording.clock_start_ns)
        row["wall_start_ns"] = None if wall is None else int(wall)
        rows.append(row)
    return pa.RecordBatch.from_pylist(rows, schema=RECORDINGS)


def vms_table(vms: Sequence[VmView]) -> pa.RecordBatch:
    rows = []
    for vm in vms:
        row = {name: getattr(vm, name, None) for name in VMS.names}
        row["span_from"], row["span_to"] = vm.span
        parts: Sequence[Part] = (vm.totals, vm.conversions)
        for part in parts:
            row |= {name: getattr(part, name) for name in VMS.names if hasattr(part, name)}
        least = [*vm.at_least, *(name for part in parts for name in part.at_least)]
        row["at_least"] = " ".join(name for name in VMS.names if name in least)
        rows.append(row)
    return pa.RecordBatch.from_pylist(rows, schema=VMS)
