"""What can go of the live recordings of a database, and how old it is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any

from sqlalchemy import Engine, Row, text

from app.store.database import snapshot
from app.store.errors import explained
from app.store.schema import RecordingState
from app.store.segments import PARTITIONED_LEVEL

MOST_LOOSE = 16
"""Segments that no summary stands for go together, at most so many."""


@dataclass(frozen=True, slots=True)
class Group:
    """Consecutive segments of a VM that go together."""

    coarse_id: int | None
    """The summary whose cells stay. None: there is none, as of what a writer that died left."""
    vm_id: int
    level: int
    numbers: tuple[int, int]  # of the first and last segment
    segments: int
    first_t: int  # ns since the recording's start
    last_t: int
    ended_ns: int  # UNIX time of last_t
    detail_bytes: int  # of events and changes that are kept
    nbytes: int  # with page maps and summaries of segments

    @property
    def has_detail(self) -> bool:
        return self.detail_bytes > 0

    def meets(self, from_t: int, to_t: int) -> bool:
        return self.first_t <= to_t and self.last_t >= from_t


def groups(engine: Engine) -> list[Group]:
    """All of live recordings whose end has a date, oldest first. What was imported stays."""
    with explained(str(engine.url.database)), snapshot(engine) as connection:
        coarse: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in connection.execute(text(_COARSE), {"level": PARTITIONED_LEVEL}):
            coarse[row.vm_id].append(row)
        segments = connection.execute(text(_SEGMENTS), {"gone": RecordingState.DELETING})
        found = [
            group
            for vm_id, of_vm in groupby(segments, key=lambda row: row.vm_id)
            for group in _of_vm(list(of_vm), coarse[vm_id])
        ]
    return sorted(found, key=lambda one: (one.ended_ns, one.level))


_COARSE = (
    "SELECT id, vm_id, level, segments, first_segment_id, last_segment_id FROM coarse_summary "
    "WHERE level >= :level ORDER BY id"
)
_SEGMENTS = (
    "SELECT segment.vm_id, segment.id, segment.number, segment.first_t, segment.last_t, "
    "length(event_blob) + length(change_blob) AS bytes, "
    "(SELECT length(blob) FROM keyframe WHERE segment_id = segment.id) AS map_bytes, "
    "(SELECT length(cell_blob) + length(timeline_blob) FROM summary WHERE segment_id = segment.id) "
    "AS summary_bytes, wall_start_ns, state "
    "FROM segment JOIN vm ON vm.id = segment.vm_id JOIN recording ON recording.id = recording_id "
    "WHERE is_live AND state != :gone AND wall_start_ns IS NOT NULL "
    "ORDER BY segment.vm_id, segment.number"
)
"""Lengths are known without the blobs."""


def _of_vm(segments: Sequence[Row[Any]], coarse: Sequence[Row[Any]]) -> Iterator[Group]:
    places = {row.id: place for place, row in enumerate(segments)}
    detail = list(accumulate((row.bytes for row in segments), initial=0))
    others = ((row.map_bytes or 0) + (row.summary_bytes or 0) for row in segments)
    nbytes = list(accumulate(others, initial=0))
    is_covered = [False] * len(segments)

    def group(first: int, end: int, one: Row[Any] | None) -> Group:
        head, last = segments[first], segments[end - 1]
        return Group(
            coarse_id=None if one is None else one.id,
            vm_id=head.vm_id,
            level=0 if one is None else one.level,
            numbers=(head.number, last.number),
            segments=end - first,
            first_t=head.first_t,
            last_t=last.last_t,
            ended_ns=head.wall_start_ns + last.last_t,
            detail_bytes=detail[end] - detail[first],
            nbytes=detail[end] - detail[first] + nbytes[end] - nbytes[first],
        )

    for one in coarse:
        first, last = places.get(one.first_segment_id), places.get(one.last_segment_id)
        if first is not None and last is not None and last + 1 - first == one.segments:
            is_covered[first : last + 1] = [True] * one.segments
            yield group(first, last + 1, one)
    if segments[0].state != RecordingState.WRITING:
        for first, end in _runs([not covered for covered in is_covered]):
            yield group(first, end, None)


def _runs(is_in: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Runs of what is in, of at most so many."""
    first = 0
    for place in range(len(is_in) + 1):
        is_end = place == len(is_in) or not is_in[place]
        if place > first and (is_end or place - first == MOST_LOOSE):
            yield first, place
            first = place
        if is_end:
            first = place + 1
