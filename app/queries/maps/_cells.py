"""One cell of the map, exactly: what is under the cursor."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from app.model.raster import Grid, Raster, Timeline
from app.queries.figures import AtLeast, bounded, could_hold, hex_gpa, row_id
from app.queries.maps._map_layout import MapLayout
from app.store.read import Reader, has_churn
from app.store.schema import Vm


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell. Fractions are of its pages, averaged over its time."""

    from_t: Annotated[int, Field(serialization_alias="from")]
    to_t: Annotated[int, Field(serialization_alias="to")]
    gpa_from: str
    gpa_to: str
    npages: int
    present: Annotated[float, Field(description="Fraction that a memslot covered.")]
    private: float
    shared: float
    unknown: float
    unplaced: Annotated[
        int,
        Field(
            description="Conversions in its time whose range is not recorded: they may have met it."
        ),
    ]
    conversions: Annotated[
        int | None, Field(description="Null: none is known, but some are unplaced.")
    ]
    failed: int | None
    page_faults: Annotated[int | None, Field(description="Null: not recorded.")]
    private_faults: Annotated[
        int | None,
        Field(
            description="Page faults that are known to be on private pages. Null: of none is known "
            "whether it was."
        ),
    ]
    returns: Annotated[
        int | None,
        Field(
            description="Changes of a page back to private or shared that it had been before, by "
            "conversions, each page counted. Null: none is known, but pages are unknown; or it was "
            "stored by a version that did not keep it."
        ),
    ]
    mixed: Annotated[
        float | None,
        Field(
            description="Fraction in 2 MiB blocks neither all private nor all shared. "
            "Null: as of returns."
        ),
    ]
    at_least: AtLeast


def cell_at(reader: Reader, vm: Vm, layout: MapLayout, t: int, gfn: int) -> CellView | None:
    """The cell of a map in which an instant and a gfn lie; None if none does."""
    row = layout.row_of(gfn)
    column = int(np.searchsorted(layout.t_edges, t, side="right")) - 1
    if row is None or not 0 <= column < layout.width:
        return None
    from_t, to_t = layout.t_edges[column : column + 2]
    first_gfn, end_gfn = layout.row_first[row], layout.row_end[row]
    edges = np.array([from_t, to_t], np.int64)
    grid = Grid(edges, np.array([first_gfn], np.uint64), np.array([end_gfn], np.uint64))
    raster = reader.raster(row_id(vm), grid)
    timeline = reader.timeline(row_id(vm), edges)
    counts, least = _counts(reader, vm, grid, raster, timeline)
    present, private, unknown = (
        float(part[0, 0]) for part in (raster.present, raster.private, raster.unknown)
    )
    return CellView(
        from_t=from_t,
        to_t=to_t,
        gpa_from=hex_gpa(first_gfn),
        gpa_to=hex_gpa(end_gfn),
        npages=end_gfn - first_gfn,
        present=present,
        private=private,
        shared=max(0.0, present - private - unknown),
        unknown=unknown,
        unplaced=int(timeline.unplaced[0]),
        **counts,
        at_least=least,
    )


def _counts(
    reader: Reader, vm: Vm, grid: Grid, raster: Raster, timeline: Timeline
) -> tuple[dict[str, Any], list[str]]:
    """What is known of what is counted in a cell, and which of it are lower bounds."""
    churn = reader.churn(row_id(vm), grid) if has_churn(vm) else None
    has_unknown = bool(raster.unknown[0, 0] > 0)
    has_faults = could_hold(vm, reader.recording(vm.recording_id), "page_fault")
    faults = int(raster.page_faults[0, 0])
    sums: dict[str, Any] = {
        "conversions": int(raster.conversions[0, 0]),
        "failed": int(raster.failed[0, 0]),
        "page_faults": faults,
        "private_faults": int(raster.private_faults[0, 0]),
        "returns": None if churn is None else int(churn.returns[0, 0]),
        "mixed": None if churn is None else float(churn.mixed[0, 0]),
    }
    is_open = {
        **dict.fromkeys(("conversions", "failed"), bool(timeline.unplaced[0])),
        **dict.fromkeys(("returns", "mixed"), has_unknown),
        "page_faults": not has_faults,
        "private_faults": bool(faults) or not has_faults,
    }
    return bounded(sums, [name for name in sums if is_open[name]])
