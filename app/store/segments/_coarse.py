"""What is known of a VM's coarse summaries (app.store.write) without their blobs."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, select
from sqlmodel import SQLModel, col

from app.store import checksums
from app.store.codecs import are_shifts
from app.store.schema import CoarseSummary
from app.store.segments._infos import SegmentInfo

PARTITIONED_LEVEL = 2
"""Coarse summaries of this level have partitions (`_partitions`)."""
_TABLES = SQLModel.metadata.tables


@dataclass(frozen=True, slots=True)
class TileInfo:
    """Cells of a coarse summary in [first_block, end_block), and what reaches across from below."""

    id: int
    first_block: int
    end_block: int
    cells: int


@dataclass(frozen=True, slots=True)
class CoarseInfo:
    """A coarse summary without its blobs."""

    id: int
    vm_id: int
    first_segment_id: int
    last_segment_id: int
    segments: int
    level: int
    quantum_shift: int  # of its cells
    timeline_shift: int
    tilings: Mapping[int, tuple[TileInfo, ...]]
    """By block shift: each of all memory, ascending."""

    def tiles(self, block_shift: int, first_gfn: int, end_gfn: int) -> tuple[TileInfo, ...]:
        """Those that a window of gfns meets."""
        first, last = first_gfn >> block_shift, (end_gfn - 1) >> block_shift
        return tuple(
            tile
            for tile in self.tilings[block_shift]
            if tile.first_block <= last and tile.end_block > first
        )


class Pyramid:
    """A VM's segments in order, and the coarse summaries that stand for many of them at once."""

    def __init__(self, infos: Sequence[SegmentInfo], coarse: Iterable[CoarseInfo]) -> None:
        self.infos = tuple(infos)
        places = {info.id: i for i, info in enumerate(infos)}
        doubtful = np.cumsum([0, *(info.is_doubtful for info in infos)])
        is_border = [not _goes_on(infos, place) for place in range(len(infos) + 1)]
        self._at: dict[int, list[CoarseInfo]] = defaultdict(list)  # highest level first
        for one in sorted(coarse, key=lambda one: -one.level):
            first = places.get(one.first_segment_id, -1)
            end = places.get(one.last_segment_id, -2) + 1
            if first < 0 or end - first != one.segments or doubtful[end] != doubtful[first]:
                continue
            if is_border[first] and is_border[end]:
                self._at[first].append(one)

    @property
    def levels(self) -> int:
        """One more than that of the coarsest summary; segments are the first."""
        return 1 + max((found[0].level for found in self._at.values()), default=0)

    def coarse(self) -> Iterator[CoarseInfo]:
        for found in self._at.values():
            yield from found

    def of_level(self, level: int) -> dict[int, CoarseInfo]:
        """By the place of their first segment."""
        return {
            place: one for place, found in self._at.items() for one in found if one.level == level
        }

    def place_of(self, t: int) -> int:
        """The first segment that does not end before t."""
        return bisect_left(self.infos, t, key=lambda info: info.last_t)

    def beginning_at(self, place: int) -> Sequence[CoarseInfo]:
        """Coarse summaries whose first segment is at a place, those of most segments first."""
        return self._at.get(place, ())

    def beginning_around(self, place: int) -> Iterator[tuple[int, CoarseInfo]]:
        """Where they begin, and those that stand for segments on both sides of a place; those of
        most segments first."""
        found = [
            (first, one)
            for first, of_place in self._at.items()
            for one in of_place
            if first < place < first + one.segments
        ]
        yield from sorted(found, key=lambda pair: -pair[1].segments)

    def walk(
        self, place: int, is_usable: Callable[[CoarseInfo], bool]
    ) -> Iterator[tuple[SegmentInfo, CoarseInfo | None]]:
        """Each segment from a place on once: by itself, or as the first of those that the coarsest
        usable summary stands for."""
        while place < len(self.infos):
            found = next((one for one in self.beginning_at(place) if is_usable(one)), None)
            yield self.infos[place], found
            place += 1 if found is None else found.segments

    def own(self, place: int) -> CoarseInfo | None:
        """What is still known in cells of a segment that expired: the finest there is."""
        if not self.infos[place].is_expired:
            return None
        return next((one for one in reversed(self.beginning_at(place)) if one.segments == 1), None)


def _goes_on(infos: Sequence[SegmentInfo], place: int) -> bool:
    """Whether the changes of a segment follow from a state that is unknown since the one before:
    summaries of the one and changes of the other do not add up."""
    if not 0 < place < len(infos):
        return False
    before = infos[place - 1]
    return bool(before.damage) and not before.has_keyframe and bool(infos[place].damage)


def read_coarse_infos(connection: Connection, vm_id: int) -> tuple[CoarseInfo, ...]:
    """All that are whole, as far as can be seen without their blobs."""
    coarse, cells = _TABLES["coarse_summary"].columns, _TABLES["coarse_cells"].columns
    of_vm = col(CoarseSummary.vm_id) == vm_id
    query = select(*(c for c in coarse if c.name not in ("timeline_blob", "timeline_checksum")))
    rows = connection.execute(query.where(of_vm).order_by(coarse.id)).mappings().all()
    tiles: dict[int, dict[int, list[TileInfo]]] = defaultdict(lambda: defaultdict(list))
    tile_query = select(*(c for c in cells if c.name not in ("blob", "checksum")))
    tile_query = tile_query.join(CoarseSummary, coarse.id == cells.coarse_summary_id).where(of_vm)
    for row in connection.execute(tile_query.order_by(cells.id)).mappings():
        if row["row_checksum"] == coarse_cells_checksum(row):
            info = TileInfo(row["id"], row["first_block"], row["end_block"], row["cells"])
            tiles[row["coarse_summary_id"]][row["block_shift"]].append(info)
    return tuple(
        CoarseInfo(
            **{name: row[name] for name in ("id", *_SUMMED)},
            timeline_shift=timeline_shift_of(row),
            tilings={
                shift: tuple(found)
                for shift, found in tiles[row["id"]].items()
                if _are_whole(found) and are_shifts(row["quantum_shift"], shift)
            },
        )
        for row in rows
        if row["row_checksum"] == coarse_row_checksum(row)
    )


def _are_whole(tiles: list[TileInfo]) -> bool:
    """Whether no row is missing between two others, nor at the beginning."""
    reached = 0
    for tile in tiles:
        if tile.first_block != reached:
            return False
        reached = tile.end_block
    return True


_SUMMED = ("vm_id", "first_segment_id", "last_segment_id", "segments", "level", "quantum_shift")
_CELLS_SUMMED = ("coarse_summary_id", "block_shift", "first_block", "end_block", "cells")


def timeline_shift_of(row: Mapping[Any, Any]) -> int:
    shift = row["timeline_shift"]
    return int(row["quantum_shift"] if shift is None else shift)


def coarse_timeline_seed(row_checksum: int, timeline_shift: int | None) -> int:
    """What the checksum of a timeline goes on from."""
    if timeline_shift is None:
        return row_checksum
    return checksums.of_values(row_checksum, timeline_shift)


def coarse_row_checksum(row: Mapping[Any, Any]) -> int:
    return checksums.of_values(*(int(row[name]) for name in _SUMMED))


def coarse_cells_checksum(row: Mapping[Any, Any]) -> int:
    return checksums.of_values(*(int(row[name]) for name in _CELLS_SUMMED))
