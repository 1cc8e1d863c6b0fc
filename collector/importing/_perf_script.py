"""The text that `perf script` makes of a perf.data, with or without `-F pid,tid` and `--header`."""

import re
from pathlib import Path

from collector.importing._text_trace import TextTrace
from collector.trace.text import TextHead

_EVENT = re.compile(rb"\s*\S.{0,40}? +-?\d+(?:/-?\d+)? +\[\d+\] +\d+\.\d+: +[\w-]+:\w+: ")
_HEAD_LINE = re.compile(rb"# (?:captured on|cmdline) +: ")
_LINES = 200


class PerfScript(TextTrace):
    """One output of perf script."""

    @staticmethod
    def recognises(head: bytes) -> bool:
        lines = head.split(b"\n")[:_LINES]
        return any(_EVENT.match(line) or _HEAD_LINE.match(line) for line in lines)

    def __init__(self, path: Path) -> None:
        super().__init__(path, "perf-script", TextHead.of_perf_script(path))
