"""What a map can show of a recording, and what it says where it cannot."""

from app.model.events import EventKind
from app.model.raster import Raster
from app.store.tables import Recording, Vm
from app.views.raster_image import Measure

_NONE_SEEN = {
    Measure.CONVERSIONS: "This recording has no conversion of this VM.",
    Measure.PAGE_FAULTS: "This recording has no guest page fault of this VM.",
}
_CAPABILITY = {Measure.CONVERSIONS: "conversions", Measure.PAGE_FAULTS: "page-faults"}
"""Names of collector.coverage.Capability."""
_KIND = {Measure.CONVERSIONS: EventKind.CONVERSION, Measure.PAGE_FAULTS: EventKind.PAGE_FAULT}


def why_not(recording: Recording, vm: Vm, measure: Measure) -> str | None:
    """Why a map of this would be empty, in the recording's own words where it has some; None: it
    would not be."""
    if measure is Measure.PRIVATE or vm.events_by_kind.get(_KIND[measure].name.lower()):
        return None
    for missing in recording.coverage.get("missing", []):
        if missing["capability"] == _CAPABILITY[measure]:
            return str(missing["costs"])
    return _NONE_SEEN[measure]


def most(raster: Raster, measure: Measure) -> int:
    """Most of what a measure counts in a cell: the top of its scale."""
    counts = raster.page_faults if measure is Measure.PAGE_FAULTS else raster.conversions
    return int(counts.max())
