"""Text that ftrace and trace-cmd make of a trace: the file `trace`, and `trace-cmd report`."""

import re
from pathlib import Path

from collector.sources.text_trace import TextTrace
from collector.text.head import TextHead

_REPORT = re.compile(rb"cpus=\d+\s*$|\s*\S.{0,40}?-\d+ +\[\d+\] +(?:\S+ +)?\d+\.\d+: \w+: ")
_TRACE_FILE = re.compile(rb"# tracer: ")
_LINES = 200


def looks_like_trace_report(head: bytes) -> bool:
    """Whether the first bytes of a file are output of trace-cmd report."""
    return any(_REPORT.match(line) for line in head.split(b"\n")[:_LINES])


def looks_like_trace_file(head: bytes) -> bool:
    return _TRACE_FILE.match(head) is not None


class TraceReport(TextTrace):
    """A Source over the text of one trace-cmd report."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "trace-report", TextHead())


class TraceFile(TextTrace):
    """A Source over one copy of the tracing file `trace`, with or without the column TGID."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "trace", TextHead.of_trace_file(path))
