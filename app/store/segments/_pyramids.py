"""Reading coarse summaries: what stands for many segments in windows that are wide in time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from app.model.events import Window
from app.model.raster import ChurnSums, RasterSums, Summary, TimelineSummary
from app.store.checksums import COARSE, PARTITION
from app.store.codecs import CellForm, decode_cells, decode_timeline, product_shift_of
from app.store.segments._blobs import decoding, read_coarse_timeline, read_tile
from app.store.segments._cache import ByteCache
from app.store.segments._coarse import (
    PARTITIONED_LEVEL,
    CoarseInfo,
    Pyramid,
    TileInfo,
    read_coarse_infos,
)
from app.store.segments._infos import SegmentInfo
from app.store.segments._partitions import (
    PartitionColumns,
    PartitioningInfo,
    Partitions,
    PartitionSource,
    read_partitionings,
)
from app.store.segments._segments import Segments, state_of
from app.store.segments._sources import SegmentSource, Source

_INFO_SIZE = 400
ROWS_OF_A_BLOB = 1 << 12
"""Reading a segment or a partition costs as much as so many of its events and changes, however few
they are."""
Sums = type[RasterSums | ChurnSums]


Partitioned = Mapping[int, tuple[range, PartitioningInfo]]
"""By the place of the first, which segments have partitions together."""
NO_PARTITIONS: Partitioned = {}


class SomeSegments(NamedTuple):
    """Consecutive ones: where they begin, how many they are, and what a window is read from, None
    if nothing of it is there."""

    place: int
    segments: int
    source: Source | None


class Pyramids:
    """Reads the coarse summaries and partitions of VMs inside the caller's snapshot; shares a cache
    with their segments. What is damaged raises PartDamagedError; once it is set aside, finer ones
    are read, and segments."""

    def __init__(self, segments: Segments, cache: ByteCache) -> None:
        self._segments = segments
        self._cache = cache
        self._partitions = Partitions(cache)

    def of_vm(self, connection: Connection, vm_id: int) -> Pyramid:
        """Raises NotFound."""
        revision = self._segments.vm(connection, vm_id).revision
        infos = self._segments.of_revision(connection, vm_id, revision)
        damage = self._segments.damage(vm_id)
        return self._cache.get(
            ("pyramid", vm_id, revision, damage),
            lambda: Pyramid(
                infos,
                (
                    one
                    for one in read_coarse_infos(connection, vm_id)
                    if (COARSE, one.id) not in damage
                ),
            ),
            lambda pyramid: _INFO_SIZE * (len(pyramid.infos) + 1),
            state_of(vm_id, revision),
        )

    def sources(
        self, connection: Connection, vm_id: int, window: Window, place: int = 0
    ) -> Iterator[SomeSegments]:
        """What is read for a window, in order: of each segment from a place on, by itself or by a
        partition of many. Raises NotFound."""
        if window.is_all_gfns:
            infos, partitionings = self._segments.of_vm(connection, vm_id), NO_PARTITIONS
        else:
            pyramid = self.of_vm(connection, vm_id)
            infos, partitionings = pyramid.infos, self._partitionings(connection, vm_id, pyramid)
        while place < len(infos) and infos[place].first_t < window.t_to:
            found = None
            if place in partitionings:
                found = self._of_partitions(connection, partitionings[place], window, infos)
            if found is None:
                info = infos[place]
                is_met = info.meets(window)
                source = SegmentSource(self._segments, connection, info) if is_met else None
                found = SomeSegments(place, 1, source)
            yield found
            place += found.segments

    def _partitionings(self, connection: Connection, vm_id: int, pyramid: Pyramid) -> Partitioned:
        damage = self._segments.damage(vm_id)
        partitioned = pyramid.of_level(PARTITIONED_LEVEL)
        last = max((one.id for one in partitioned.values()), default=0)
        stored = self._cache.get(
            ("partitionings", vm_id, last), lambda: read_partitionings(connection, vm_id)
        )
        return {
            place: (range(place, place + one.segments), stored[one.id])
            for place, one in partitioned.items()
            if one.id in stored and (PARTITION, stored[one.id].id) not in damage
        }

    def _of_partitions(
        self,
        connection: Connection,
        partitioned: tuple[range, PartitioningInfo],
        window: Window,
        infos: Sequence[SegmentInfo],
    ) -> SomeSegments | None:
        """None if reading the segments costs less."""
        places, partitioning = partitioned
        infos = infos[places.start : places.stop]
        numbers = partitioning.directory.meeting(window.gfn_from, window.gfn_to)
        met = [info.event_count + info.change_count for info in infos if info.meets(window)]
        rows = int(partitioning.directory.rows(numbers).sum()) + ROWS_OF_A_BLOB * len(numbers)
        if rows >= sum(met) + ROWS_OF_A_BLOB * len(met):
            return None
        source = PartitionSource(
            self._partitions, connection, partitioning, numbers.tolist(), (infos[0], infos[-1])
        )
        return SomeSegments(places.start, len(places), source if len(numbers) else None)

    def partition(
        self, connection: Connection, one: PartitioningInfo, number: int, base: SegmentInfo
    ) -> PartitionColumns:
        """One partition; `base`: the first of its segments."""
        return self._partitions.columns(connection, one, number, base)

    def cells(
        self, connection: Connection, one: CoarseInfo, area: tuple[int, int, int], sums: Sums
    ) -> list[Summary]:
        """For rasters: what their sums need of an area: blocks of a shift that the coarse summary
        has, from a first gfn to an end."""
        block_shift, first_gfn, end_gfn = area

        def read(tile: TileInfo, *, carried: bool) -> Summary:
            return self._cache.get(
                ("tile", tile.id, sums, carried),
                lambda: _tile(connection, one, (block_shift, tile, carried), sums),
                lambda summary: summary.cells.nbytes,
            )

        tiles = one.tiles(block_shift, first_gfn, end_gfn)
        return [read(tile, carried=tile is tiles[0]) for tile in tiles]

    def timeline(self, connection: Connection, one: CoarseInfo) -> TimelineSummary:
        return self._cache.get(
            ("coarse timeline", one.id),
            lambda: _timeline(connection, one),
            lambda summary: summary.counts.nbytes + summary.quanta.nbytes,
        )


def _tile(
    connection: Connection, one: CoarseInfo, area: tuple[int, TileInfo, bool], sums: Sums
) -> Summary:
    """`carried`: with what holds for it from the tiles below, which are not read themselves."""
    block_shift, tile, carried = area
    shifts = one.quantum_shift, block_shift
    with decoding(one, COARSE):
        form = CellForm(*shifts, product_shift_of(*shifts))
        blob = read_tile(connection, one, tile)
        whole = decode_cells(blob, form, sums.planes.tolist(), counts=sums.has_counts)
    if carried:
        return whole
    return replace(whole, cells=whole.cells[whole.cells["block"] >= tile.first_block])


def _timeline(connection: Connection, one: CoarseInfo) -> TimelineSummary:
    with decoding(one, COARSE):
        found = decode_timeline(read_coarse_timeline(connection, one), one.timeline_shift)
        if found is None:
            raise ValueError("a coarse timeline counts everything")
    return found
