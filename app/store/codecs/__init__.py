"""Events, changes and summaries to blobs and back: Arrow record batches under zstd, integers as
byte columns (docs/schema.md). Events and changes of many segments are put in another order, by gfn,
as the bytes that they are. What a blob holds passes one border before compiled code relies on it.
"""

from app.store.codecs._arrow import ALL_ROWS, Rows, Signed, join, narrowed, read_batch
from app.store.codecs._border import (
    are_shifts,
    check_changes,
    check_codes,
    check_ranges,
    check_times,
)
from app.store.codecs._changes import (
    AFTER_SHIFT,
    BEFORE_SHIFT,
    HAS_NO_EVENT,
    IS_EXPLICIT,
    EventRanges,
    RelativeChanges,
    SelectedChanges,
    decode_changes,
    encode_changes,
    select_changes,
)
from app.store.codecs._events import (
    decode_events,
    decode_threads,
    effect_times,
    encode_events,
    tids_and_vcpus,
)
from app.store.codecs._partition_rows import SEQ_STEP, Partition, SegmentBlobs
from app.store.codecs._partitions import (
    Directory,
    decode_directory,
    decode_partitioned,
    encode_directory,
    partitioned,
    seqs_in,
)
from app.store.codecs._places import EVERYWHERE, NOWHERE, SOMEWHERE, places_of
from app.store.codecs._summaries import (
    CellForm,
    decode_cells,
    decode_timeline,
    encode_cells,
    encode_summary,
    encode_timeline,
    product_shift_of,
    summarise_segment,
)

__all__ = [
    "AFTER_SHIFT",
    "ALL_ROWS",
    "BEFORE_SHIFT",
    "EVERYWHERE",
    "HAS_NO_EVENT",
    "IS_EXPLICIT",
    "NOWHERE",
    "SEQ_STEP",
    "SOMEWHERE",
    "CellForm",
    "Directory",
    "EventRanges",
    "Partition",
    "RelativeChanges",
    "Rows",
    "SegmentBlobs",
    "SelectedChanges",
    "Signed",
    "are_shifts",
    "check_changes",
    "check_codes",
    "check_ranges",
    "check_times",
    "decode_cells",
    "decode_changes",
    "decode_directory",
    "decode_events",
    "decode_partitioned",
    "decode_threads",
    "decode_timeline",
    "effect_times",
    "encode_cells",
    "encode_changes",
    "encode_directory",
    "encode_events",
    "encode_summary",
    "encode_timeline",
    "join",
    "narrowed",
    "partitioned",
    "places_of",
    "product_shift_of",
    "read_batch",
    "select_changes",
    "seqs_in",
    "summarise_segment",
    "tids_and_vcpus",
]
