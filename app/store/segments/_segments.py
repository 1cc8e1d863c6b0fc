"""Finding and decoding a VM's segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Row, bindparam, select
from sqlmodel import col

from app.model.events import EventArray, Window
from app.model.guest import Memslot, PageState
from app.model.pagemap import KeyframeTotals, PageMap, decode_totals
from app.model.raster import (
    ChurnSums,
    RasterSums,
    Summary as CellSummary,
    TimelineSummary,
    summarise_timeline,
)
from app.model.stats import EventFilter
from app.store.catalogue import decoding_rows, memslot_of, memslot_rows
from app.store.checksums import CELLS, KEYFRAME, SEGMENT, TIMELINE, PartDamagedError
from app.store.codecs import (
    ALL_ROWS,
    CellForm,
    Rows,
    decode_cells,
    decode_changes,
    decode_events,
    decode_timeline,
)
from app.store.database import MEMSLOTS, VMS, SealChecks
from app.store.errors import NotFound
from app.store.schema import MemslotRow, Recording, RecordingState, Vm
from app.store.segments._blobs import (
    Blobs,
    decoding,
    read_blobs,
    read_cells,
    read_event_blob,
    read_keyframe,
    read_timeline,
)
from app.store.segments._cache import ByteCache, Version
from app.store.segments._columns import (
    SegmentColumns,
    SegmentFacets,
    asks_for_facets,
    decode_columns,
    decode_facets,
)
from app.store.segments._infos import NO_DAMAGE, Damage, SegmentInfo, read_infos
from app.store.segments._mending import mend, story_of

_INFO_SIZE = 500
_FEW = 64
"""One in so many events of a segment are few."""


_STORED_VM = (
    select(col(Vm.revision), col(Vm.last_t), col(Vm.start_state))
    .join(Recording, col(Recording.id) == col(Vm.recording_id))
    .where(col(Vm.id) == bindparam("vm"), col(Recording.state) != RecordingState.DELETING)
)
"""Built once: it is asked for each piece of an answer."""


@dataclass(frozen=True, slots=True)
class StoredVm:
    """How far a VM is stored in one snapshot."""

    revision: int
    last_t: int
    start_state: PageState


class Segments:
    """Reads segments inside the caller's snapshot; what is decoded stays in the cache.

    Row ids are never used twice and rows never change, so that a cached segment stays true. What
    is damaged raises PartDamagedError; once it is set aside, its stretch reads as a loss.
    """

    def __init__(self, cache: ByteCache, checks: SealChecks) -> None:
        self._cache = cache
        self._checks = checks
        self._damage: dict[int, Damage] = {}  # by VM, as far as it was met
        self._lock = Lock()
        self._with_losses: set[int] = set()  # VMs of which a segment cannot be read
        self._lately: dict[int, frozenset[int]] = {}  # by VM, the row ids that were read last

    def set_aside(self, found: PartDamagedError) -> None:
        """Go on without a part that is damaged."""
        with self._lock:
            self._damage[found.vm_id] = self.damage(found.vm_id) | {(found.part, found.segment_id)}
            if found.part == SEGMENT:
                self._with_losses.add(found.vm_id)

    def damage(self, vm_id: int) -> Damage:
        return self._damage.get(vm_id, NO_DAMAGE)

    def vm(self, connection: Connection, vm_id: int) -> StoredVm:
        """Raises NotFound, also while the VM's recording is being deleted: segments that the cache
        knows of may then be gone. Raises RowsDamagedError."""
        self._checks.require(connection, VMS, vm_id)
        found = connection.execute(_STORED_VM, {"vm": vm_id}).one_or_none()
        if found is None:
            raise NotFound(f"there is no VM {vm_id}")
        return StoredVm(*found)

    def of_vm(self, connection: Connection, vm_id: int) -> tuple[SegmentInfo, ...]:
        """All segments of a VM in order. Raises NotFound."""
        return self.of_revision(connection, vm_id, self.vm(connection, vm_id).revision)

    def of_revision(
        self, connection: Connection, vm_id: int, revision: int
    ) -> tuple[SegmentInfo, ...]:
        """As `of_vm`, of the revision that the snapshot has."""
        damage = self.damage(vm_id)
        infos = self._cache.get(
            ("segments", vm_id, revision, damage),
            lambda: self._read_infos(connection, vm_id, damage),
            lambda infos: _INFO_SIZE * (len(infos) + 1),
            state_of(vm_id, revision),
        )
        if any(info.damage for info in infos):
            self._with_losses.add(vm_id)
        return infos

    def _read_infos(
        self, connection: Connection, vm_id: int, damage: Damage
    ) -> tuple[SegmentInfo, ...]:
        """Those that were merged into others since have nothing in the cache any more."""
        infos = read_infos(connection, vm_id, damage)
        ids = frozenset(info.id for info in infos)
        with self._lock:
            gone = self._lately.get(vm_id, frozenset()) - ids
            self._lately[vm_id] = ids
        for segment_id in gone:
            self._cache.forget(_segment(segment_id))
        return infos

    def has_losses(self, vm_id: int) -> bool:
        """Whether damage took any of its segments, as far as it was met."""
        return vm_id in self._with_losses

    def columns(self, connection: Connection, info: SegmentInfo) -> SegmentColumns:
        return self._cache.get(
            ("columns", info.id, info.damage),
            lambda: self._columns(connection, info),
            lambda columns: columns.nbytes,
            Version(_segment(info.id)),
        )

    def facets(self, connection: Connection, info: SegmentInfo) -> SegmentFacets:
        return self._cache.get(
            ("facets", info.id, info.damage),
            lambda: decode_facets(self._event_blob(connection, info)),
            lambda facets: facets.nbytes,
            Version(_segment(info.id)),
        )

    def events(self, connection: Connection, info: SegmentInfo) -> EventArray:
        """All columns of the segment's events. Not to be changed."""
        return self._cache.get(
            ("events", info.id, info.damage),
            lambda: self._decode_events(connection, info),
            lambda events: events.nbytes,
            Version(_segment(info.id)),
        )

    def _columns(self, connection: Connection, info: SegmentInfo) -> SegmentColumns:
        event_blob, change_blob = self._blobs(connection, info)
        with decoding(info, SEGMENT):
            changes = decode_changes(change_blob, info.first_t)
            return decode_columns(event_blob, changes, info.first_seq, info.first_t)

    def _decode_events(
        self, connection: Connection, info: SegmentInfo, rows: Rows = ALL_ROWS
    ) -> EventArray:
        blob = self._event_blob(connection, info)
        with decoding(info, SEGMENT):
            return decode_events(blob, info.first_t, rows)

    def _event_blob(self, connection: Connection, info: SegmentInfo) -> bytes:
        if info.damage:
            return self._mended(connection, info)[0]
        return read_event_blob(connection, info)

    def _blobs(self, connection: Connection, info: SegmentInfo) -> Blobs:
        return self._mended(connection, info) if info.damage else read_blobs(connection, info)

    def _mended(self, connection: Connection, info: SegmentInfo) -> Blobs:
        """What a segment holds, given that of itself or of one before it nothing is known."""
        infos = self.of_vm(connection, info.vm_id)
        places = story_of(infos, info.id)
        ends = infos[places.start].id, infos[places.stop - 1].id
        mended = self._cache.get(
            ("mended", *ends, infos[places.stop - 1].damage),
            lambda: mend(self, connection, info.vm_id, places),
            lambda blobs: sum(len(events) + len(changes) for events, changes in blobs.values()),
            Version(_segment(ends[1])),
        )
        return mended[info.id]

    def stored_events(self, connection: Connection, info: SegmentInfo) -> EventArray:
        """The events of a segment that is whole itself, whatever came before it."""
        blob = read_event_blob(connection, info)
        with decoding(info, SEGMENT):
            return decode_events(blob, info.first_t)

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
        if is_few and not self._cache.holds(("events", info.id, info.damage)):
            return self._decode_events(connection, info, indices)
        return self.events(connection, info)[indices]

    def cells(
        self, connection: Connection, info: SegmentInfo, sums: type[RasterSums | ChurnSums]
    ) -> CellSummary:
        """For rasters: what their sums need. The segment must have a summary."""
        return self._cache.get(
            ("cells", info.id, sums),
            lambda: _cells(connection, info, sums),
            lambda summary: summary.cells.nbytes,
            Version(_segment(info.id)),
        )

    def timeline(self, connection: Connection, info: SegmentInfo) -> TimelineSummary:
        """The segment must have a summary. One that an earlier gmemscope wrote and that holds less
        is made anew from the segment."""
        return self._cache.get(
            ("timeline", info.id),
            lambda: _timeline(connection, info) or self._timeline_anew(connection, info),
            lambda summary: summary.counts.nbytes + summary.quanta.nbytes,
            Version(_segment(info.id)),
        )

    def _timeline_anew(self, connection: Connection, info: SegmentInfo) -> TimelineSummary:
        changes = self.columns(connection, info).changes_in(Window())
        events = self.events(connection, info)
        assert info.quantum_shift is not None
        return summarise_timeline(changes, events, info.quantum_shift)

    def keyframe(self, connection: Connection, vm_id: int, info: SegmentInfo) -> PageMap:
        """The page map after a segment that has one; the caller's own."""
        memslot_ids, blob = read_keyframe(connection, info)
        rows = self._memslot_rows(connection, vm_id)
        with decoding(info, KEYFRAME):
            alive = set(memslot_ids)
            return PageMap.from_bytes(blob, [_memslot(row) for row in rows if row.id in alive])

    def shared_keyframe(self, connection: Connection, vm_id: int, info: SegmentInfo) -> PageMap:
        """As `keyframe`, but shared among callers: only to be read."""
        return self._cache.get(
            ("keyframe", info.id),
            lambda: self.keyframe(connection, vm_id, info),
            lambda page_map: page_map.nbytes,
            Version(_segment(info.id)),
        )

    def keyframe_totals(self, connection: Connection, info: SegmentInfo) -> KeyframeTotals:
        """Of the page map after a segment that has one."""
        return self._cache.get(
            ("keyframe totals", info.id),
            lambda: _keyframe_totals(connection, info),
            lambda _: 100,
            Version(_segment(info.id)),
        )

    def memslots(self, connection: Connection, vm_id: int, at: int | None = None) -> list[Memslot]:
        """Those alive then, or all. Raises RowsDamagedError."""
        rows = self._memslot_rows(connection, vm_id, at)
        with decoding_rows(f"the memslots of VM {vm_id}"):
            return [_memslot(row) for row in rows]

    def _memslot_rows(
        self, connection: Connection, vm_id: int, at: int | None = None
    ) -> Sequence[Row[Any]]:
        self._checks.require(connection, MEMSLOTS, vm_id)
        with decoding_rows(f"the memslots of VM {vm_id}"):
            return connection.execute(memslot_rows(vm_id, at)).all()


def state_of(vm_id: int, revision: int) -> Version:
    """What is true of a VM until there is news of it."""
    return Version(("vm", vm_id), (revision,))


def _segment(segment_id: int) -> tuple[str, int]:
    return "segment", segment_id


def _memslot(row: Row[Any]) -> Memslot:
    """On a bare connection a row is its columns, by the same names."""
    return memslot_of(cast(MemslotRow, row))


def _keyframe_totals(connection: Connection, info: SegmentInfo) -> KeyframeTotals:
    _, blob = read_keyframe(connection, info)
    with decoding(info, KEYFRAME):
        return decode_totals(blob)


def _cells(
    connection: Connection, info: SegmentInfo, sums: type[RasterSums | ChurnSums]
) -> CellSummary:
    blob, quantum_shift, block_shift = read_cells(connection, info)
    with decoding(info, CELLS):
        form = CellForm(quantum_shift, block_shift)
        return decode_cells(blob, form, sums.planes.tolist(), counts=sums.has_counts)


def _timeline(connection: Connection, info: SegmentInfo) -> TimelineSummary | None:
    blob, quantum_shift = read_timeline(connection, info)
    with decoding(info, TIMELINE):
        return decode_timeline(blob, quantum_shift)
