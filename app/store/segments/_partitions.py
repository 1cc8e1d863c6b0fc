"""Reading partitions: the events and changes of many segments, of some gfns alone."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from sqlalchemy import Connection, select
from sqlmodel import col

from app.compiled import whole
from app.model.events import CHANGE, EVENT, ChangeArray, EventArray, Window
from app.model.raster import Counts
from app.model.stats import ANY, EventFilter
from app.store import checksums
from app.store.checksums import PARTITION
from app.store.codecs import (
    SEQ_STEP,
    Directory,
    Signed,
    decode_directory,
    decode_events,
    decode_partitioned,
    read_batch,
    seqs_in,
)
from app.store.schema import CoarseSummary, Partitioning
from app.store.segments._blobs import Blobs, decoding, read_partition
from app.store.segments._cache import ByteCache
from app.store.segments._columns import (
    COLUMNS,
    SegmentColumns,
    SegmentFacets,
    asks_for_facets,
    columns_in,
    decode_facets,
)
from app.store.segments._infos import SegmentInfo


@dataclass(frozen=True, slots=True)
class PartitioningInfo:
    """The partitions of consecutive segments, without their blobs."""

    id: int
    vm_id: int
    directory: Directory


def read_partitionings(connection: Connection, vm_id: int) -> dict[int, PartitioningInfo]:
    """All of a VM that are whole, as far as can be seen without their blobs, by the row ids of
    their coarse summaries."""
    query = select(Partitioning).join(CoarseSummary).where(col(CoarseSummary.vm_id) == vm_id)
    found = {}
    for row in connection.execute(query):
        seed = checksums.of_values(row.coarse_summary_id, row.partitions)
        blob = row.directory_blob
        if row.row_checksum != seed or not checksums.is_sound(blob, seed, row.directory_checksum):
            continue
        with suppress(ValueError):
            directory = decode_directory(blob, row.partitions)
            found[row.coarse_summary_id] = PartitioningInfo(row.id, vm_id, directory)
    return found


@dataclass(frozen=True)
class PartitionColumns:
    """As of a segment, whose events and changes have numbers of their own."""

    columns: SegmentColumns  # the first event is number 0
    seqs: Signed
    change_numbers: Signed

    @property
    def nbytes(self) -> int:
        return self.columns.nbytes + self.seqs.nbytes + self.change_numbers.nbytes

    def changes_in(self, window: Window) -> tuple[ChangeArray, Signed]:
        """With their numbers."""
        changes, rows = self.columns.changes_and_rows_in(window)
        has_event = changes["event"] >= 0
        changes["event"][has_event] = self.seqs[changes["event"][has_event]]
        return changes, self.change_numbers[rows]


class Partitions:
    """Reads partitions inside the caller's snapshot. What is damaged raises PartDamagedError; once
    it is set aside, segments are read."""

    def __init__(self, cache: ByteCache) -> None:
        self._cache = cache

    def blobs(self, connection: Connection, one: PartitioningInfo, number: int) -> Blobs:
        return read_partition(connection, one, number)

    def columns(
        self, connection: Connection, one: PartitioningInfo, number: int, base: SegmentInfo
    ) -> PartitionColumns:
        """`base`: the first segment, from whose numbers and time it counts."""
        return self._cache.get(
            ("partition", one.id, number),
            lambda: _columns(one, self.blobs(connection, one, number), base),
            lambda columns: columns.nbytes,
        )

    def facets(self, connection: Connection, one: PartitioningInfo, number: int) -> SegmentFacets:
        return self._cache.get(
            ("partition facets", one.id, number),
            lambda: decode_facets(self.blobs(connection, one, number)[0]),
            lambda facets: facets.nbytes,
        )


def _columns(one: PartitioningInfo, blobs: Blobs, base: SegmentInfo) -> PartitionColumns:
    with decoding(one, PARTITION):
        batch = read_batch(blobs[0], (*COLUMNS, SEQ_STEP))
        seqs = seqs_in(batch, base.first_seq)
        counted_from = base.first_seq, base.first_change, base.first_t
        changes = decode_partitioned(blobs[1], seqs, counted_from)
        columns = columns_in(batch, changes.relative, 0, base.first_t)
        return PartitionColumns(columns, seqs, changes.number)


class PartitionSource:
    """What meets some gfns in consecutive segments, of which the first and last are given."""

    def __init__(
        self,
        partitions: Partitions,
        connection: Connection,
        one: PartitioningInfo,
        numbers: Sequence[int],
        segments: tuple[SegmentInfo, SegmentInfo],
    ) -> None:
        self._partitions = partitions
        self._connection = connection
        self._partitioning = one
        self._numbers = numbers
        self._segments = segments

    @property
    def first_seq(self) -> int:
        return self._segments[0].first_seq

    @property
    def end_seq(self) -> int:
        return self._segments[1].first_seq + self._segments[1].event_count

    @property
    def end_change(self) -> int:
        return self._segments[1].first_change + self._segments[1].change_count

    def may_hold(self, where: EventFilter) -> bool:
        return True

    @cached_property
    def _parts(self) -> list[PartitionColumns]:
        read, base = self._partitions.columns, self._segments[0]
        one = self._partitioning
        return [read(self._connection, one, number, base) for number in self._numbers]

    @cached_property
    def _bounds(self) -> Signed:
        """The first event of each partition among those of all, and how many there are."""
        return np.cumsum([0, *(len(part.seqs) for part in self._parts)])

    @cached_property
    def _seqs(self) -> Signed:
        return np.concatenate([part.seqs for part in self._parts])

    def changes_in(self, window: Window, first_change: int = 0) -> ChangeArray:
        found = [part.changes_in(window) for part in self._parts]
        if len(found) == 1:
            changes, numbers = found[0]
            return changes[np.searchsorted(numbers, first_change) :]
        changes = np.concatenate([whole(changes) for changes, _ in found])
        numbers = np.concatenate([numbers for _, numbers in found])
        order = _merged(numbers)
        ordered: ChangeArray = changes[order[numbers[order] >= first_change]].view(CHANGE)
        return ordered

    def choose(self, window: Window, where: EventFilter) -> Signed:
        chosen = []
        for i, part in enumerate(self._parts):
            indices = part.columns.indices_in(window)
            if asks_for_facets(where):
                number = self._numbers[i]
                facets = self._partitions.facets(self._connection, self._partitioning, number)
                wanted = facets.matching(where)
                indices = indices if wanted is None else indices[wanted[indices]]
            chosen.append(part.columns.narrowed(indices, where) + self._bounds[i])
        together: Signed = np.concatenate(chosen)
        return together if len(chosen) == 1 else together[_merged(self._seqs[together])]

    def seqs(self, chosen: Signed) -> Signed:
        return self._seqs[chosen]

    def events_at(self, chosen: Signed) -> EventArray:
        events = np.zeros(len(chosen), EVENT)
        for i, places, rows in self._by_part(chosen):
            number = self._numbers[i]
            blob, _ = self._partitions.blobs(self._connection, self._partitioning, number)
            with decoding(self._partitioning, PARTITION):
                events[places] = decode_events(blob, self._segments[0].first_t, rows)
        return events

    def counted_in(self, window: Window) -> EventArray:
        chosen = self.choose(window, ANY)
        events = np.zeros(len(chosen), EVENT)
        for i, places, rows in self._by_part(chosen):
            whole(events)[places] = whole(self._parts[i].columns.counted_at(rows))
        return events

    def count(self, counts: Counts, t_edges: Signed, chosen: Signed) -> None:
        for i, _, rows in self._by_part(chosen):
            self._parts[i].columns.count(counts, t_edges, rows)

    def _by_part(self, chosen: Signed) -> Iterator[tuple[int, Signed, Signed]]:
        """Which of the chosen are a partition's, and their rows there."""
        for i, (first, end) in enumerate(pairwise(self._bounds.tolist())):
            places = np.flatnonzero((chosen >= first) & (chosen < end))
            if len(places):
                yield i, places, chosen[places] - first


def _merged(numbers: Signed) -> Signed:
    """The order of numbers that ascend in each of several parts; what is there more than once, for
    it meets several partitions, is so once."""
    order: Signed = np.argsort(numbers, kind="stable")
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = np.diff(numbers[order]) > 0
    merged: Signed = order[is_first]
    return merged
