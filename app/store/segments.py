"""Finding and decoding a VM's segments."""

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Row, select
from sqlmodel import col

from app.model.events import EventArray, EventKind, PageState
from app.model.filtering import EventFilter
from app.model.layout import Memslot
from app.model.pagemap import PageMap
from app.model.raster import ChurnSums, RasterSums
from app.model.summary import Summary as CellSummary
from app.model.timeline_summary import TimelineSummary
from app.store.cache import ByteCache
from app.store.catalogue import memslot_of, memslot_rows
from app.store.change_codec import decode_changes
from app.store.errors import NotFound
from app.store.event_codec import decode_events
from app.store.segment_columns import SegmentColumns, decode_columns
from app.store.segment_facets import SegmentFacets, asks_for_facets, decode_facets
from app.store.summary_codec import decode_cells, decode_timeline
from app.store.tables import (
    WITH_FAULTS,
    Keyframe,
    MemslotRow,
    Recording,
    RecordingState,
    Segment,
    Summary,
    Vm,
)
from app.store.window import Window

_INFO_SIZE = 200
_FEW = 64
"""One in so many events of a segment are few."""


@dataclass(frozen=True, slots=True)
class StoredVm:
    """How far a VM is stored in one snapshot."""

    revision: int
    last_t: int
    start_state: PageState


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment's row without its blobs."""

    id: int
    first_seq: int
    event_count: int
    first_change: int
    change_count: int
    first_t: int
    last_t: int
    first_gfn: int
    end_gfn: int
    has_keyframe: bool
    quantum_shift: int | None  # of its summary, if it has one
    block_shift: int | None

    def meets(self, window: Window) -> bool:
        """False if certainly nothing of it lies in the window."""
        is_then = self.first_t < window.t_to and self.last_t >= window.t_from
        is_there = self.first_gfn < window.gfn_to and self.end_gfn > window.gfn_from
        return is_then and (is_there or window.is_all_gfns)

    def may_hold(self, where: EventFilter) -> bool:
        """False if certainly no event of it lies in a memslot that the filter asks for."""
        return where.lives is None or any(
            life.from_t <= self.last_t and life.to_t > self.first_t for life in where.lives
        )


class Segments:
    """Reads segments inside the caller's snapshot; what is decoded stays in the cache.

    Row ids are never used twice and rows never change, so that a cached segment stays true.
    """

    def __init__(self, cache: ByteCache) -> None:
        self._cache = cache

    def vm(self, connection: Connection, vm_id: int) -> StoredVm:
        """Raises NotFound, also while the VM's recording is being deleted: segments that the cache
        knows of may then be gone."""
        query = (
            select(col(Vm.revision), col(Vm.last_t), col(Vm.start_state))
            .join(Recording, col(Recording.id) == col(Vm.recording_id))
            .where(col(Vm.id) == vm_id, col(Recording.state) != RecordingState.DELETING)
        )
        found = connection.execute(query).one_or_none()
        if found is None:
            raise NotFound(f"there is no VM {vm_id}")
        return StoredVm(*found)

    def of_vm(self, connection: Connection, vm_id: int) -> tuple[SegmentInfo, ...]:
        """All segments of a VM in order. Raises NotFound."""
        return self._cache.get(
            ("segments", vm_id, self.vm(connection, vm_id).revision),
            lambda: _infos(connection, vm_id),
            lambda infos: _INFO_SIZE * (len(infos) + 1),
        )

    def columns(self, connection: Connection, info: SegmentInfo) -> SegmentColumns:
        return self._cache.get(
            ("columns", info.id),
            lambda: _columns(connection, info),
            lambda columns: columns.nbytes,
        )

    def facets(self, connection: Connection, info: SegmentInfo) -> SegmentFacets:
        return self._cache.get(
            ("facets", info.id),
            lambda: decode_facets(_event_blob(connection, info)),
            lambda facets: facets.nbytes,
        )

    def events(self, connection: Connection, info: SegmentInfo) -> EventArray:
        """All columns of the segment's events. Not to be changed."""
        return self._cache.get(
            ("events", info.id),
            lambda: decode_events(_event_blob(connection, info), info.first_t),
            lambda events: events.nbytes,
        )

    def choose(
        self, connection: Connection, info: SegmentInfo, window: Window, where: EventFilter
    ) -> npt.NDArray[np.int64]:
        """Which of the segment's events lie in the window and are wanted, ascending."""
        wanted = None
        if asks_for_facets(where):
            wanted = self.facets(connection, info).matching(where)
            if wanted is not None and not wanted.any():
                return np.empty(0, np.int64)  # without decoding times and ranges
        columns = self.columns(connection, info)
        indices = columns.indices_in(window)
        if wanted is not None:
            indices = indices[wanted[indices]]
        return columns.narrowed(indices, where)

    def events_at(
        self, connection: Connection, info: SegmentInfo, indices: npt.NDArray[np.int64]
    ) -> EventArray:
        """All columns of some of the segment's events, which ascend.

        Few of many are decoded by themselves: whole segments of which a filter left next to
        nothing would drive everything else out of the cache.
        """
        is_few = len(indices) < info.event_count // _FEW
        if is_few and not self._cache.holds(("events", info.id)):
            return decode_events(_event_blob(connection, info), info.first_t, indices)
        return self.events(connection, info)[indices]

    def cells(
        self, connection: Connection, info: SegmentInfo, sums: type[RasterSums | ChurnSums]
    ) -> CellSummary:
        """For rasters: what their sums need. The segment must have a summary."""
        return self._cache.get(
            ("cells", info.id, sums),
            lambda: _cells(connection, info.id, sums),
            lambda summary: summary.cells.nbytes,
        )

    def timeline(self, connection: Connection, info: SegmentInfo) -> TimelineSummary:
        """The segment must have a summary."""
        return self._cache.get(
            ("timeline", info.id),
            lambda: _timeline(connection, info.id),
            lambda summary: summary.counts.nbytes + summary.quanta.nbytes,
        )

    def keyframe(self, connection: Connection, vm_id: int, info: SegmentInfo) -> PageMap:
        """The page map after a segment that has one; the caller's own."""
        query = select(col(Keyframe.memslot_ids), col(Keyframe.blob))
        memslot_ids, blob = connection.execute(
            query.where(col(Keyframe.segment_id) == info.id)
        ).one()
        alive = set(memslot_ids)
        rows = connection.execute(memslot_rows(vm_id))
        return PageMap.from_bytes(blob, [_memslot(row) for row in rows if row.id in alive])

    def shared_keyframe(self, connection: Connection, vm_id: int, info: SegmentInfo) -> PageMap:
        """As `keyframe`, but shared among callers: only to be read."""
        return self._cache.get(
            ("keyframe", info.id),
            lambda: self.keyframe(connection, vm_id, info),
            lambda page_map: page_map.nbytes,
        )

    def memslots(self, connection: Connection, vm_id: int, at: int) -> list[Memslot]:
        """Those alive then."""
        return [_memslot(row) for row in connection.execute(memslot_rows(vm_id, at))]


def _memslot(row: Row[Any]) -> Memslot:
    """On a bare connection a row is its columns, by the same names."""
    return memslot_of(cast(MemslotRow, row))


def _infos(connection: Connection, vm_id: int) -> tuple[SegmentInfo, ...]:
    query = (
        select(
            col(Segment.id),
            col(Segment.first_seq),
            col(Segment.event_count),
            col(Segment.first_change),
            col(Segment.change_count),
            col(Segment.first_t),
            col(Segment.last_t),
            col(Segment.first_gfn),
            col(Segment.end_gfn),
            col(Keyframe.segment_id).is_not(None).label("has_keyframe"),
            col(Summary.quantum_shift),
            col(Summary.block_shift),
        )
        .outerjoin(Keyframe, col(Keyframe.segment_id) == col(Segment.id))
        .outerjoin(Summary, col(Summary.segment_id) == col(Segment.id))
        .where(col(Segment.vm_id) == vm_id)
        .order_by(col(Segment.number))
    )
    infos = tuple(SegmentInfo(**row) for row in connection.execute(query).mappings())
    if _has_full_summaries(connection, vm_id):
        return infos
    return tuple(replace(info, quantum_shift=None, block_shift=None) for info in infos)


def _has_full_summaries(connection: Connection, vm_id: int) -> bool:
    """False if summaries leave out page faults although there are some: they are not used then."""
    query = select(col(Vm.edition), col(Vm.events_by_kind)).where(col(Vm.id) == vm_id)
    edition, kinds = connection.execute(query).one()
    return bool(edition >= WITH_FAULTS or EventKind.PAGE_FAULT.name.lower() not in kinds)


def _columns(connection: Connection, info: SegmentInfo) -> SegmentColumns:
    query = select(col(Segment.event_blob), col(Segment.change_blob)).where(
        col(Segment.id) == info.id
    )
    event_blob, change_blob = connection.execute(query).one()
    changes = decode_changes(change_blob, info.first_t)
    return decode_columns(event_blob, changes, info.first_seq, info.first_t)


def _event_blob(connection: Connection, info: SegmentInfo) -> bytes:
    query = select(col(Segment.event_blob)).where(col(Segment.id) == info.id)
    blob: bytes = connection.execute(query).scalar_one()
    return blob


def _cells(
    connection: Connection, segment_id: int, sums: type[RasterSums | ChurnSums]
) -> CellSummary:
    query = select(col(Summary.cell_blob), col(Summary.quantum_shift), col(Summary.block_shift))
    blob, quantum_shift, block_shift = connection.execute(
        query.where(col(Summary.segment_id) == segment_id)
    ).one()
    return decode_cells(
        blob, quantum_shift, block_shift, sums.planes.tolist(), counts=sums.has_counts
    )


def _timeline(connection: Connection, segment_id: int) -> TimelineSummary:
    query = select(col(Summary.timeline_blob), col(Summary.quantum_shift))
    blob, quantum_shift = connection.execute(
        query.where(col(Summary.segment_id) == segment_id)
    ).one()
    return decode_timeline(blob, quantum_shift)
