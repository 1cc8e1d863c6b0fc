"""What a map can show of a recording, and its message where it cannot."""

import numpy as np
import numpy.typing as npt

from app.model.guest import EventKind
from app.model.raster import Churn, Raster
from app.queries.figures import row_id
from app.queries.maps._map_layout import MapLayout
from app.queries.maps._raster_image import Measure
from app.store.read import Reader, has_churn
from app.store.schema import Recording, Vm

_KINDS = {
    Measure.CONVERSIONS: (EventKind.CONVERSION,),
    Measure.PAGE_FAULTS: (EventKind.PAGE_FAULT,),
    Measure.PING_PONG: (EventKind.CONVERSION,),
    Measure.MIXED: (EventKind.CONVERSION, EventKind.STATE_READ),
}
"""A measure follows from events of these kinds."""
_NEEDS_RANGES = (Measure.CONVERSIONS, Measure.PING_PONG, Measure.MIXED)
_OF_OLD = (
    "This recording was stored by an earlier gmemscope, which did not keep this: import it again."
)


def why_not(recording: Recording, vm: Vm, measure: Measure) -> str | None:
    """Why a map of this would be empty, in the recording's own words where it has some; None: it
    would not be."""
    if measure is Measure.PRIVATE:
        return None
    costs = {one["capability"]: str(one["costs"]) for one in recording.coverage.get("missing", [])}
    if not any(vm.events_by_kind.get(kind.name.lower()) for kind in _KINDS[measure]):
        is_fault = measure is Measure.PAGE_FAULTS
        what = "guest page fault" if is_fault else "conversion"
        capability = "page-faults" if is_fault else "conversions"
        return costs.get(capability, f"This recording has no {what} of this VM.")
    if measure in _NEEDS_RANGES and recording.coverage.get("conversion_ranges") == "none":
        return costs.get("conversion-ranges")
    return _OF_OLD if measure.is_churn and not has_churn(vm) else None


def unplaced_in(reader: Reader, vm: Vm, layout: MapLayout, measure: Measure) -> int | None:
    """Conversions of unknown range in the time of a map: it cannot show them. None of page faults,
    which do not follow from conversions."""
    if measure is Measure.PAGE_FAULTS:
        return None
    edges = np.array([layout.from_t, layout.to_t], np.int64)
    return int(reader.timeline(row_id(vm), edges).unplaced[0])


def open_columns(
    reader: Reader, vm: Vm, layout: MapLayout, measure: Measure
) -> npt.NDArray[np.bool_] | None:
    """[width]: whether a column has conversions of unknown range, for a map of conversions."""
    if measure is not Measure.CONVERSIONS:
        return None
    unplaced = reader.timeline(row_id(vm), np.array(layout.t_edges, np.int64)).unplaced
    return unplaced > 0


def most(raster: Raster | Churn, measure: Measure) -> int:
    """Most of what a measure counts in a cell: the top of its scale."""
    if isinstance(raster, Churn):
        return int(raster.returns.max())
    counts = raster.page_faults if measure is Measure.PAGE_FAULTS else raster.conversions
    return int(counts.max())
