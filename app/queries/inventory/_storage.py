"""What a recording takes of the database, and how long ago it ended: what deleting it removes."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.model.guest import LINE_NUMBERS
from app.queries.figures import row_id, text
from app.store.catalogue import Catalogue, StoredSize, stored_sizes
from app.store.schema import Recording, Vm

NS_PER_S = 10**9


@dataclass(frozen=True, slots=True)
class StorageView:
    """What a recording takes, and its age."""

    recording: int
    is_written: Annotated[bool, Field(description="A living process writes it now.")]
    segments: int
    segment_bytes: Annotated[
        int, Field(description="Events and changes, page maps and summaries, as they are packed.")
    ]
    rows: Annotated[int, Field(description="In all tables.")]
    vms: Annotated[int, Field(description="VMs that could be named.")]
    events: int
    notes: Annotated[int, Field(description="That people wrote about it.")]
    ended_ns: Annotated[
        str | None,
        Field(
            description="UNIX time up to which it reaches, ns, as text. Null while it is written, "
            "and where the time of day was not recorded."
        ),
    ]
    age_s: Annotated[int | None, Field(description="Since then.")]


def storage_views(reader: Catalogue, recording_id: int | None = None) -> list[StorageView]:
    """Of one recording, or of all, oldest first. Raises NotFound."""
    recordings = reader.recordings() if recording_id is None else [reader.recording(recording_id)]
    sizes = stored_sizes(reader.engine, recording_id)
    vms: dict[int, list[Vm]] = {}
    for vm in reader.vms(recording_id, include_unattributed=True):
        vms.setdefault(vm.recording_id, []).append(vm)
    return [
        _storage_view(
            reader,
            recording,
            sizes.get(row_id(recording), StoredSize(rows=1)),
            vms.get(row_id(recording), ()),
        )
        for recording in recordings
    ]


def _storage_view(
    reader: Catalogue, recording: Recording, size: StoredSize, vms: Iterable[Vm]
) -> StorageView:
    writing = reader.writing(recording)
    is_written = writing is not None and writing.is_alive
    ended_ns = None if is_written else ended_at_ns(reader, recording)
    return StorageView(
        recording=row_id(recording),
        is_written=is_written,
        segments=size.segments,
        segment_bytes=size.segment_bytes,
        rows=size.rows,
        vms=sum(not vm.is_unattributed for vm in vms),
        events=sum(vm.events for vm in vms),
        notes=size.notes,
        ended_ns=None if ended_ns is None else str(ended_ns),
        age_s=None if ended_ns is None else max(0, time.time_ns() - ended_ns) // NS_PER_S,
    )


def ended_at_ns(reader: Catalogue, recording: Recording) -> int | None:
    """UNIX time of the last instant of a recording that nobody writes; None if it has none."""
    chapters = reader.chapters(row_id(recording))
    from_t, wall_ns = 0, recording.wall_start_ns
    if chapters:
        from_t, wall_ns = chapters[-1].from_t, chapters[-1].wall_start_ns
    if wall_ns is None or recording.clock == LINE_NUMBERS:
        return None
    return wall_ns + recording.last_t - from_t


def age_text(storage: StorageView) -> str:
    """How long ago a recording ended, in words."""
    if storage.is_written:
        return "being written"
    return "end not known" if storage.age_s is None else f"ended {text.age(storage.age_s)} ago"
