"""What is in the cells of a map, and the last maps that were drawn."""

from collections.abc import Callable
from typing import TypeVar

from app.model.raster import Churn, Grid, Raster
from app.queries.figures import row_id
from app.queries.maps._map_layout import MapLayout
from app.queries.maps._raster_image import Measure
from app.store.read import Reader, has_churn
from app.store.schema import Vm
from app.store.segments import state_of

CELL_BYTES = 160
MOST_CELLS = 1 << 19
"""What a cell takes while it is drawn, and how many are drawn at once (app.store.read)."""

Picture = TypeVar("Picture", Raster, Churn)


class Rasters:
    """Draws maps, and keeps the last ones: a picture is asked for right after its edges."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def draw(self, vm: Vm, layout: MapLayout) -> Raster | None:
        """What is in the cells; None if there are none."""
        if not layout.bands:
            return None
        return self._kept("raster", vm, layout, self._reader.raster)

    def draw_churn(self, vm: Vm, layout: MapLayout) -> Churn | None:
        """As `draw`; None also if the VM's was not kept."""
        if not layout.bands or not has_churn(vm):
            return None
        return self._kept("churn", vm, layout, self._reader.churn)

    def draw_measure(self, vm: Vm, layout: MapLayout, measure: Measure) -> Raster | Churn | None:
        """What a picture of the measure needs; of a churn that was not kept, where memory was."""
        churn = self.draw_churn(vm, layout) if measure.is_churn else None
        return self.draw(vm, layout) if churn is None else churn

    def _kept(
        self, name: str, vm: Vm, layout: MapLayout, draw: Callable[[int, Grid], Picture]
    ) -> Picture:
        def drawn() -> Picture:
            grid = layout.grid()
            rows, columns = grid.shape
            with self._reader.cache.room(min(rows * columns, MOST_CELLS) * CELL_BYTES):
                return draw(row_id(vm), grid)

        return self._reader.cache.get(
            (name, row_id(vm), vm.revision, layout),
            drawn,
            version=state_of(row_id(vm), vm.revision),
        )
