"""Rows of coarse summaries: what one is made of, writing it, and what waits to be part of one.

Called inside the writer's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select, text
from sqlmodel import SQLModel, col

from app.model.raster import Summary, TimelineSummary, coarsen_timelines, tile_of, tiles
from app.store import checksums
from app.store.codecs import (
    CellForm,
    decode_cells,
    decode_timeline,
    encode_cells,
    encode_timeline,
    product_shift_of,
)
from app.store.schema import CoarseCells, CoarseSummary, Summary as SummaryRow
from app.store.segments import (
    PARTITIONED_LEVEL,
    coarse_cells_checksum,
    coarse_row_checksum,
    coarse_timeline_seed,
)

_COARSE = SQLModel.metadata.tables["coarse_summary"]
_INSERT = insert(_COARSE).returning(_COARSE.c.id)


@dataclass(frozen=True, slots=True)
class Summarised:
    """A segment or a coarse summary that is to become part of a coarse summary."""

    id: int
    times: tuple[int, int]  # of effects, first and last
    quantum_shift: int  # of its cells
    timeline_shift: int
    block_shift: int  # of its lowest blocks


class Parts(NamedTuple):
    """What a coarse summary is made of."""

    cells: list[Summary]
    timelines: list[TimelineSummary]
    segment_ids: tuple[int, int]  # first and last
    segments: int


class Tiling(NamedTuple):
    """The cells of a whole VM, to be stored in about so many tiles."""

    summary: Summary
    tiles: int


def read_segments(connection: Connection, segments: Sequence[Summarised]) -> Parts | None:
    """None if one is not what was stored: no sum is made of it."""
    parts = Parts([], [], (segments[0].id, segments[-1].id), len(segments))
    for one in segments:
        query = select(SummaryRow).where(col(SummaryRow.segment_id) == one.id)
        row = connection.execute(query).one()
        seed = checksums.of_values(one.id, one.quantum_shift, one.block_shift)
        if not (
            checksums.is_sound(row.cell_blob, seed, row.cell_checksum)
            and checksums.is_sound(row.timeline_blob, seed, row.timeline_checksum)
        ):
            return None
        form = CellForm(one.quantum_shift, one.block_shift)
        parts.cells.append(decode_cells(row.cell_blob, form))
        timeline = decode_timeline(row.timeline_blob, one.quantum_shift)
        if timeline is None:
            return None
        parts.timelines.append(timeline)
    return parts


def read_coarse(connection: Connection, summaries: Sequence[Summarised]) -> Parts | None:
    """Of their tiles with the lowest blocks; None if one is not what was stored. Which segments
    they stand for is as it is now: many may have become one (app.store.retention)."""
    parts = Parts([], [], (0, 0), 0)
    for one in summaries:
        query = select(CoarseSummary).where(col(CoarseSummary.id) == one.id)
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        first = parts.segment_ids[0] or row.first_segment_id
        ids, count = (first, row.last_segment_id), parts.segments + row.segments
        parts = parts._replace(segment_ids=ids, segments=count)
        seed = coarse_timeline_seed(row.row_checksum, row.timeline_shift)
        if not checksums.is_sound(row.timeline_blob, seed, row.timeline_checksum):
            return None
        timeline = decode_timeline(row.timeline_blob, one.timeline_shift)
        if timeline is None:
            return None
        parts.timelines.append(timeline)
        for tile in connection.execute(
            select(CoarseCells).where(
                col(CoarseCells.coarse_summary_id) == one.id,
                col(CoarseCells.block_shift) == one.block_shift,
            )
        ):
            if not checksums.is_sound(tile.blob, tile.row_checksum, tile.checksum):
                return None
            parts.cells.append(_own_cells(tile, one.quantum_shift))
    return parts


def _own_cells(tile: Row[Any], quantum_shift: int) -> Summary:
    """Without those that add up what lies below the tile."""
    shifts = quantum_shift, tile.block_shift
    whole = decode_cells(tile.blob, CellForm(*shifts, product_shift_of(*shifts)))
    return replace(whole, cells=whole.cells[whole.cells["block"] >= tile.first_block])


def insert_coarse(
    connection: Connection,
    vm_id: int,
    level: int,
    made: Summarised,
    parts: Parts,
    tilings: Sequence[Tiling],
) -> Summarised:
    """Returns it with its row id."""
    values: dict[str, Any] = {
        "vm_id": vm_id,
        "first_segment_id": parts.segment_ids[0],
        "last_segment_id": parts.segment_ids[1],
        "segments": parts.segments,
        "level": level,
        "quantum_shift": made.quantum_shift,
    }
    timeline = coarsen_timelines(parts.timelines, made.timeline_shift)
    row_checksum, blob = coarse_row_checksum(values), encode_timeline(timeline)
    seed = coarse_timeline_seed(row_checksum, made.timeline_shift)
    values |= {
        "row_checksum": row_checksum,
        "timeline_shift": made.timeline_shift,
        "timeline_blob": blob,
        "timeline_checksum": checksums.of_blob(blob, seed),
    }
    row_id = int(connection.execute(_INSERT, values).scalar_one())
    rows = [
        _tile_row(row_id, tiling.summary, tile) for tiling in tilings for tile in tiles(*tiling)
    ]
    connection.execute(insert(CoarseCells), rows)
    return replace(made, id=row_id)


def _tile_row(row_id: int, summary: Summary, blocks: tuple[int, int]) -> dict[str, Any]:
    tile = tile_of(summary, *blocks)
    values: dict[str, Any] = {
        "coarse_summary_id": row_id,
        "block_shift": summary.block_shift,
        "first_block": blocks[0],
        "end_block": blocks[1],
        "cells": len(tile.cells),
    }
    seed = coarse_cells_checksum(values)
    blob = encode_cells(tile, product_shift_of(summary.quantum_shift, summary.block_shift))
    return values | {
        "row_checksum": seed,
        "blob": blob,
        "checksum": checksums.of_blob(blob, seed),
    }


MOST_LOOSE = 16
"""More were never to become one: an earlier gmemscope made no coarse summaries."""

_SEALED = (
    "SELECT segment.id, first_t, last_t, quantum_shift, block_shift FROM segment "
    "LEFT JOIN summary ON segment_id = segment.id WHERE vm_id = :vm AND NOT is_tail "
    "ORDER BY number"
)
_MADE = (
    "SELECT id, level, first_segment_id, last_segment_id, quantum_shift, timeline_shift, "
    "(SELECT min(block_shift) FROM coarse_cells WHERE coarse_summary_id = coarse_summary.id) "
    "AS block_shift FROM coarse_summary WHERE vm_id = :vm AND level >= :level ORDER BY id"
)


def read_waiting(connection: Connection, vm_id: int) -> dict[int, list[Summarised]]:
    """By level, those after the last one that has become part of a coarser one."""
    segments = connection.execute(text(_SEALED), {"vm": vm_id}).all()
    places = {row.id: place for place, row in enumerate(segments)}
    by_level: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(text(_MADE), {"vm": vm_id, "level": PARTITIONED_LEVEL}):
        if row.first_segment_id in places and row.last_segment_id in places:
            by_level.setdefault(row.level, []).append(row)

    def end_of(level: int) -> int:
        """After how many segments the last summary of a level ends."""
        return max((places[row.last_segment_id] + 1 for row in by_level.get(level, ())), default=0)

    loose = _loose(segments[end_of(PARTITIONED_LEVEL) :])
    waiting = {0: loose if len(loose) < MOST_LOOSE else []}
    for level, rows in by_level.items():
        waiting[level] = [
            _coarse(row, segments[places[row.first_segment_id]], segments[last])
            for row in rows
            if (last := places[row.last_segment_id]) >= end_of(level + 1)
        ]
    return waiting


def _loose(segments: Sequence[Row[Any]]) -> list[Summarised]:
    """None reaches across a segment without a summary."""
    found: list[Summarised] = []
    for row in segments:
        if row.quantum_shift is None:
            found = []
            continue
        shifts = (row.quantum_shift, row.quantum_shift, row.block_shift)
        found.append(Summarised(row.id, (row.first_t, row.last_t), *shifts))
    return found


def _coarse(row: Row[Any], first: Row[Any], last: Row[Any]) -> Summarised:
    timeline_shift = row.quantum_shift if row.timeline_shift is None else row.timeline_shift
    times = first.first_t, last.last_t
    return Summarised(row.id, times, row.quantum_shift, timeline_shift, row.block_shift)
