"""trace.dat, the file of trace-cmd, versions 6 and 7: sections, options, CPUs, and their streams
merged into RECORD batches in time order.

The file's metadata is read and checked first: formats, clocks, CPUs. Then each CPU's sub-buffers
are decoded (`collector.trace.ring_buffer`), compressed or not, and merged.
"""

from collector.trace.tracedat._returns import RETURN_OF_ENTRY
from collector.trace.tracedat._tracedat import MAGIC, open_trace_dat

__all__ = [
    "MAGIC",
    "RETURN_OF_ENTRY",
    "open_trace_dat",
]
