"""Finding, reading and decoding a VM's segments; what is damaged is set aside as a loss.
Decoded ones are kept in a cache bounded by bytes, which is the one of the whole process: what is
drawn and counted from them is kept there as well.
"""

from app.store.segments._cache import ByteCache, Version
from app.store.segments._coarse import (
    CoarseInfo,
    Pyramid,
    coarse_cells_checksum,
    coarse_row_checksum,
    read_coarse_infos,
)
from app.store.segments._column_loops import EVERYWHERE, SOMEWHERE
from app.store.segments._columns import SegmentColumns, places_of
from app.store.segments._infos import (
    NO_DAMAGE,
    Damage,
    SegmentInfo,
    segment_row_checksum,
    stored_infos,
)
from app.store.segments._pyramids import Pyramids
from app.store.segments._segments import Segments, state_of

__all__ = [
    "EVERYWHERE",
    "NO_DAMAGE",
    "SOMEWHERE",
    "ByteCache",
    "CoarseInfo",
    "Damage",
    "Pyramid",
    "Pyramids",
    "SegmentColumns",
    "SegmentInfo",
    "Segments",
    "Version",
    "coarse_cells_checksum",
    "coarse_row_checksum",
    "places_of",
    "read_coarse_infos",
    "segment_row_checksum",
    "state_of",
    "stored_infos",
]
