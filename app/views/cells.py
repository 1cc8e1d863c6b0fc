"""One cell of the map, exactly: what is under the cursor."""

from dataclasses import dataclass

import numpy as np

from app.model.raster import Grid
from app.store.reader import Reader, has_churn
from app.store.tables import Vm
from app.views.rasters import MapLayout
from app.views.row_ids import row_id


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell's borders and contents. Fractions are of its pages, averaged over its time."""

    from_t: int
    to_t: int
    first_gfn: int
    end_gfn: int
    present: float
    private: float
    unknown: float
    conversions: int
    failed: int
    page_faults: int
    private_faults: int
    returns: int | None  # None: not kept
    mixed: float | None

    @property
    def shared(self) -> float:
        return max(0.0, self.present - self.private - self.unknown)


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
    churn = reader.churn(row_id(vm), grid) if has_churn(vm) else None
    return CellView(
        from_t=from_t,
        to_t=to_t,
        first_gfn=first_gfn,
        end_gfn=end_gfn,
        present=float(raster.present[0, 0]),
        private=float(raster.private[0, 0]),
        unknown=float(raster.unknown[0, 0]),
        conversions=int(raster.conversions[0, 0]),
        failed=int(raster.failed[0, 0]),
        page_faults=int(raster.page_faults[0, 0]),
        private_faults=int(raster.private_faults[0, 0]),
        returns=None if churn is None else int(churn.returns[0, 0]),
        mixed=None if churn is None else float(churn.mixed[0, 0]),
    )
