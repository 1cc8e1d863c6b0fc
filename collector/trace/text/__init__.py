"""Text traces (ftrace, trace-cmd report, perf script): lines to RECORD rows by a compiled scan.

The first line of each event's name chooses its template; the scan compares lines with templates and
puts their numbers where the record has them. Losses are found before, in a reading of their own.
"""

from collector.trace.text._event_lines import LONGEST_LINE, UNKNOWN_CPU, EventLines
from collector.trace.text._events import KnownEvents, by_name
from collector.trace.text._head import TextHead
from collector.trace.text._header import after_blanks, is_digit
from collector.trace.text._lines import TextRecords
from collector.trace.text._scanning import (
    DONE,
    FULL,
    NEW_NAME,
    UNREADABLE,
    name_slot,
    read_event,
)
from collector.trace.text._tables import NO_PLAN, Row, Rows, ScanTables, Text
from collector.trace.text._templates import Store, Template, constant

__all__ = [
    "DONE",
    "FULL",
    "LONGEST_LINE",
    "NEW_NAME",
    "NO_PLAN",
    "UNKNOWN_CPU",
    "UNREADABLE",
    "EventLines",
    "KnownEvents",
    "Row",
    "Rows",
    "ScanTables",
    "Store",
    "Template",
    "Text",
    "TextHead",
    "TextRecords",
    "after_blanks",
    "by_name",
    "constant",
    "is_digit",
    "name_slot",
    "read_event",
]
