"""Decode a trace.dat to columns, merged over its CPUs, and print how many events it holds."""

import sys
from pathlib import Path

from collector.trace.tracedat import open_trace_dat


def main() -> None:
    with open_trace_dat(Path(sys.argv[1])) as trace:
        for _ in trace.records():
            pass
        print(sum(trace.counts_by_event().values()))


if __name__ == "__main__":
    main()
