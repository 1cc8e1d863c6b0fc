"""Finding, reading and decoding a VM's segments; what is damaged is set aside as a loss.
Decoded ones are kept in a cache bounded by bytes, which is the one of the whole process: what is
drawn and counted from them is kept there as well.
"""

from app.store.segments._cache import ByteCache, Version
from app.store.segments._coarse import (
    PARTITIONED_LEVEL,
    CoarseInfo,
    Pyramid,
    coarse_cells_checksum,
    coarse_row_checksum,
    coarse_timeline_seed,
    read_coarse_infos,
)
from app.store.segments._columns import SegmentColumns
from app.store.segments._infos import (
    NO_DAMAGE,
    Damage,
    SegmentInfo,
    segment_row_checksum,
    stored_infos,
)
from app.store.segments._partitions import PartitioningInfo, read_partitionings
from app.store.segments._pyramids import Pyramids, SomeSegments
from app.store.segments._segments import Segments, state_of
from app.store.segments._sources import SegmentSource, Source

__all__ = [
    "NO_DAMAGE",
    "PARTITIONED_LEVEL",
    "ByteCache",
    "CoarseInfo",
    "Damage",
    "PartitioningInfo",
    "Pyramid",
    "Pyramids",
    "SegmentColumns",
    "SegmentInfo",
    "SegmentSource",
    "Segments",
    "SomeSegments",
    "Source",
    "Version",
    "coarse_cells_checksum",
    "coarse_row_checksum",
    "coarse_timeline_seed",
    "read_coarse_infos",
    "read_partitionings",
    "segment_row_checksum",
    "state_of",
    "stored_infos",
]
