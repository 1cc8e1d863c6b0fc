"""Whether coarse summaries are what was stored, and add up to the segments they stand for."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, func, select
from sqlmodel import col

from app.model.guest import GFN_LIMIT
from app.model.raster import (
    COUNTS,
    FIELDS,
    MEASURES,
    ChurnSums,
    RasterSums,
    Summary,
    TimelineSummary,
)
from app.store.checksums import COARSE, PartDamagedError
from app.store.schema import CoarseCells, CoarseSummary
from app.store.segments import (
    CoarseInfo,
    Pyramids,
    SegmentInfo,
    Segments,
    read_coarse_infos,
)

Totals = npt.NDArray[np.int64]


class WrongCoarse(NamedTuple):
    """A coarse summary that is not to be used; None for rows that cannot be read as one."""

    info: CoarseInfo | None
    says: str


def wrong_coarse(
    connection: Connection, segments: Segments, pyramids: Pyramids, infos: Sequence[SegmentInfo]
) -> Iterator[WrongCoarse]:
    """Of the VM whose segments these are."""
    if not infos:
        return
    coarse = read_coarse_infos(connection, infos[0].vm_id)
    missing = _stored_rows(connection, infos[0].vm_id) - _known_rows(coarse)
    if missing:
        yield WrongCoarse(None, f"{missing} rows of coarse summaries are not what was stored")
    places = {info.id: place for place, info in enumerate(infos)}
    found = [_of_segment(connection, segments, info) for info in infos]
    unknown = np.cumsum([0, *(sums is None for sums in found)])
    sums = np.cumsum([_NOTHING, *(_NOTHING if one is None else one for one in found)], axis=0)
    for one in coarse:
        first, last = places.get(one.first_segment_id), places.get(one.last_segment_id)
        try:
            own = _of_coarse(connection, pyramids, one)
        except PartDamagedError:
            yield WrongCoarse(one, "it is not what was stored")
            continue
        if first is None or last is None or unknown[last + 1] != unknown[first]:
            continue  # what it stands for is damaged, which is a finding of its own
        if (own != sums[last + 1] - sums[first]).any():
            yield WrongCoarse(one, "it does not add up to its segments")


_BOTH = (RasterSums, ChurnSums)
_NOTHING: Totals = np.zeros(len(FIELDS) + MEASURES + COUNTS, np.int64)


def _of_segment(connection: Connection, segments: Segments, info: SegmentInfo) -> Totals | None:
    """None if its summary cannot be read."""
    if info.quantum_shift is None:
        return None
    try:
        cells = [segments.cells(connection, info, sums) for sums in _BOTH]
        return _totals(segments.timeline(connection, info), cells)
    except PartDamagedError:
        return None


def _of_coarse(connection: Connection, pyramids: Pyramids, one: CoarseInfo) -> Totals:
    """Raises PartDamagedError, also if its tilings do not agree."""
    timeline = pyramids.timeline(connection, one)
    found = []
    for shift in one.tilings:
        whole = shift, 0, GFN_LIMIT
        own = [
            own_cells
            for sums in _BOTH
            for own_cells in pyramids.cells(connection, one, whole, sums)
        ]
        found.append(_totals(timeline, own))
    if not found or any((other != found[0]).any() for other in found):
        raise PartDamagedError(one.vm_id, one.id, COARSE)
    return found[0]


def _totals(timeline: TimelineSummary, summaries: Sequence[Summary]) -> Totals:
    """Sums that are the same whatever the quanta and blocks: of counts, of conversions and page
    faults, and of the gfns where runs begin less those where they end."""
    gfns, starts = np.zeros(MEASURES, np.int64), np.zeros(COUNTS, np.int64)
    for summary in summaries:
        cells = summary.cells
        at = (cells["block"] << summary.block_shift)[:, np.newaxis]
        gfns += (cells["gfns"] + cells["steps"] * at).sum(axis=0)
        starts += cells["starts"].sum(axis=0, dtype=np.int64)
    return np.concatenate([timeline.counts.sum(axis=0), gfns, starts])


def _stored_rows(connection: Connection, vm_id: int) -> int:
    of_vm = col(CoarseSummary.vm_id) == vm_id
    summaries = select(func.count()).select_from(CoarseSummary).where(of_vm)
    tiles = select(func.count()).select_from(CoarseCells).join(CoarseSummary).where(of_vm)
    return int(sum(connection.execute(query).scalar_one() for query in (summaries, tiles)))


def _known_rows(coarse: Sequence[CoarseInfo]) -> int:
    return sum(1 + sum(len(tiles) for tiles in one.tilings.values()) for one in coarse)
