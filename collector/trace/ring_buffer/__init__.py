"""The kernel's ring buffer: sub-buffers to RECORD rows in compiled code, by a plan made from
the events' `format` files; what each CPU lost, and where.
"""

from collector.trace.ring_buffer import _sub_buffer as sub_buffer
from collector.trace.ring_buffer._cpu_stream import Chunk, CpuStream, PageSizes, Problem
from collector.trace.ring_buffer._event_formats import (
    ENTRY_ADDRESS,
    EVENT_PROBES,
    KPROBES,
    USER_PROBES,
    Matched,
    ReturnProbe,
    Shapes,
    canonical,
    match_formats,
)
from collector.trace.ring_buffer._formats import (
    EVENT_IDS,
    EventFormat,
    SubBufferFormat,
    parse_event_format,
    parse_header_page,
)
from collector.trace.ring_buffer._merge import UnplacedLoss, merge
from collector.trace.ring_buffer._plan import DecodePlan, EventPlan, Value, decode_plan
from collector.trace.ring_buffer._sub_buffer import COMMIT_MASK, HEADER
from collector.trace.ring_buffer._tables import Tables, empty_damage, empty_rows, empty_state

__all__ = [
    "COMMIT_MASK",
    "ENTRY_ADDRESS",
    "EVENT_IDS",
    "EVENT_PROBES",
    "HEADER",
    "KPROBES",
    "USER_PROBES",
    "Chunk",
    "CpuStream",
    "DecodePlan",
    "EventFormat",
    "EventPlan",
    "Matched",
    "PageSizes",
    "Problem",
    "ReturnProbe",
    "Shapes",
    "SubBufferFormat",
    "Tables",
    "UnplacedLoss",
    "Value",
    "canonical",
    "decode_plan",
    "empty_damage",
    "empty_rows",
    "empty_state",
    "match_formats",
    "merge",
    "parse_event_format",
    "parse_header_page",
    "sub_buffer",
]
