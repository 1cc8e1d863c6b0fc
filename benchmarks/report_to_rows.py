"""The peer of an import: `trace-cmd report`, taken apart by regular expressions, made into rows.

One SQLite row per KVM_SET_MEMORY_ATTRIBUTES call that ended, with its range, result and latency.
It knows nothing of VMs, memslots, causes, losses or the state of pages.

    python -m benchmarks.report_to_rows TRACE DATABASE
"""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator

LINE = re.compile(r"\s*\S+-(\d+)\s+\[\d+\]\s+(\d+)\.(\d+): (\w+):\s+(.*)")
ENTER = re.compile(r"fd: (0x[0-9a-f]+), cmd: 0x4020aed2")
RANGE = re.compile(r"(0x[0-9a-f]+) -- (0x[0-9a-f]+) \[(0x[0-9a-f]+)\]")
STRUCT = re.compile(r"address=(0x[0-9a-f]+) size=(0x[0-9a-f]+) attributes=(0x[0-9a-f]+)")

Row = tuple[int, int, int, int, int, int, int]
TABLE = "CREATE TABLE conversion (t, tid, gfn, npages, attributes, ret, latency_ns)"


def rows(lines: Iterator[str]) -> Iterator[Row]:
    """Yield (entry, thread, gfn, npages, attributes, result, latency) of each call that ended."""
    entered: dict[str, int] = {}
    asked: dict[str, tuple[int, int, int]] = {}
    for line in lines:
        found = LINE.match(line)
        if found is None:
            continue
        tid, seconds, fraction, event, fields = found.groups()
        t = int(seconds) * 1_000_000_000 + int(fraction)
        if event == "sys_enter_ioctl":
            if ENTER.match(fields):
                entered[tid] = t
        elif event == "kvm_vm_set_mem_attributes":
            if at := RANGE.match(fields):
                start, end, attributes = (int(word, 16) for word in at.groups())
                asked[tid] = start, end - start, attributes
        elif event == "e_set_attr":
            if at := STRUCT.search(fields):
                address, size, attributes = (int(word, 16) for word in at.groups())
                entered[tid], asked[tid] = t, (address >> 12, size >> 12, attributes)
        elif event in ("sys_exit_ioctl", "e_ioctl_ret") and tid in asked and tid in entered:
            ret = signed(int(fields.removeprefix("ret="), 0))
            begin = entered.pop(tid)
            yield begin, int(tid), *asked.pop(tid), ret, t - begin


def signed(ret: int) -> int:
    """trace-cmd prints negative results of system calls as 64 unsigned bits."""
    return ret - (1 << 64) if ret >> 63 > 0 else ret


def main() -> None:
    trace, database = sys.argv[1:]
    report = subprocess.Popen(
        ["trace-cmd", "report", "-t", "-i", trace],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert report.stdout is not None
    connection = sqlite3.connect(database)
    with connection:
        connection.execute(TABLE)
        connection.executemany(
            "INSERT INTO conversion VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows(iter(report.stdout)),
        )
    report.wait()
    print(connection.execute("SELECT count(*) FROM conversion").fetchone()[0])


if __name__ == "__main__":
    main()
