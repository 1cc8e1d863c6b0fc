"""What bpftrace programs print, ours and conv.bt: lines to CALL rows, in order, with their gaps.

Lines come in bursts, one CPU's buffer after the other; a compiled parser makes CALL rows of them,
which are held until no earlier one can follow.
"""

from collector.trace.bpftrace._line_reader import LINES_PER_BATCH, VERSION, LineReader, lines_of
from collector.trace.bpftrace._lines import LINES, is_call
from collector.trace.bpftrace._order import (
    UNKNOWN_COUNT,
    in_order,
    loss,
    split_sorted,
    without_late,
)
from collector.trace.bpftrace._reader import BpftraceReader, Directions, is_first_line
from collector.trace.bpftrace._shapes import SHAPES

__all__ = [
    "LINES",
    "LINES_PER_BATCH",
    "SHAPES",
    "UNKNOWN_COUNT",
    "VERSION",
    "BpftraceReader",
    "Directions",
    "LineReader",
    "in_order",
    "is_call",
    "is_first_line",
    "lines_of",
    "loss",
    "split_sorted",
    "without_late",
]
