"""What is in the cells of a map, and the last maps that were drawn."""

from dataclasses import fields

from app.model.raster import Churn, Raster
from app.queries.figures import row_id
from app.queries.maps._map_layout import MapLayout
from app.queries.maps._raster_image import Measure
from app.store.read import Reader, has_churn
from app.store.schema import Vm
from app.store.segments import ByteCache

CACHE_BYTES = 64 << 20
"""A few maps of 1000 x 512 cells: the picture is asked for right after its edges."""


class Rasters:
    """Draws maps, and keeps the last ones: a picture is asked for right after its edges."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._cache = ByteCache(CACHE_BYTES)

    def draw(self, vm: Vm, layout: MapLayout) -> Raster | None:
        """What is in the cells; None if there are none."""
        if not layout.bands:
            return None
        return self._cache.get(
            (row_id(vm), vm.revision, layout),
            lambda: self._reader.raster(row_id(vm), layout.grid()),
            size_of,
        )

    def draw_churn(self, vm: Vm, layout: MapLayout) -> Churn | None:
        """As `draw`; None also if the VM's was not kept."""
        if not layout.bands or not has_churn(vm):
            return None
        return self._cache.get(
            (row_id(vm), vm.revision, layout, "churn"),
            lambda: self._reader.churn(row_id(vm), layout.grid()),
            size_of,
        )

    def draw_measure(self, vm: Vm, layout: MapLayout, measure: Measure) -> Raster | Churn | None:
        """What a picture of the measure needs; of a churn that was not kept, where memory was."""
        churn = self.draw_churn(vm, layout) if measure.is_churn else None
        return self.draw(vm, layout) if churn is None else churn


def size_of(raster: Raster | Churn) -> int:
    return sum(getattr(raster, field.name).nbytes for field in fields(raster))
