"""Text that ftrace and trace-cmd make of a trace: the file `trace`, and `trace-cmd report`."""

import re
from pathlib import Path

from collector.importing._text_trace import TextTrace
from collector.trace.text import TextHead

_REPORT = re.compile(rb"cpus=\d+\s*$|\s*\S.{0,40}?-\d+ +\[\d+\] +(?:\S+ +)?\d+\.\d+: \w+: ")
_TRACE_FILE = re.compile(rb"# tracer: ")
_LINES = 200


class TraceReport(TextTrace):
    """One output of trace-cmd report."""

    @staticmethod
    def recognises(head: bytes) -> bool:
        """Its lines are as those of the tracing file `trace`, which begins otherwise."""
        lines = head.split(b"\n")[:_LINES]
        return not TraceFile.recognises(head) and any(_REPORT.match(line) for line in lines)

    def __init__(self, path: Path) -> None:
        super().__init__(path, "trace-report", TextHead())


class TraceFile(TextTrace):
    """One copy of the tracing file `trace`, with or without the column TGID."""

    @staticmethod
    def recognises(head: bytes) -> bool:
        return _TRACE_FILE.match(head) is not None

    def __init__(self, path: Path) -> None:
        super().__init__(path, "trace", TextHead.of_trace_file(path))
