"""Events, changes and summaries to blobs and back: Arrow record batches under zstd, integers as
byte columns (docs/schema.md). What a blob holds passes one border before compiled code relies
on it.
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
    "HAS_NO_EVENT",
    "IS_EXPLICIT",
    "CellForm",
    "EventRanges",
    "RelativeChanges",
    "Rows",
    "Signed",
    "are_shifts",
    "check_changes",
    "check_codes",
    "check_ranges",
    "check_times",
    "decode_cells",
    "decode_changes",
    "decode_events",
    "decode_threads",
    "decode_timeline",
    "effect_times",
    "encode_cells",
    "encode_changes",
    "encode_events",
    "encode_summary",
    "encode_timeline",
    "join",
    "narrowed",
    "product_shift_of",
    "read_batch",
    "select_changes",
    "summarise_segment",
    "tids_and_vcpus",
]
