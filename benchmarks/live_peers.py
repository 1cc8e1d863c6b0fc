"""What one would use without gmemscope to watch conversions live: text, and a regular expression.

    python -m benchmarks.live_peers bpftrace|trace-pipe PID

It counts the calls of a process that returned, by file descriptor, with thread, time and result of
each taken apart, until SIGTERM; prints `ready` first, and the counts as JSON at last.
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from collector.kvm.uapi import KVM_SET_MEMORY_ATTRIBUTES

TRACING = Path("/sys/kernel/tracing")
PROGRAM = f"""
tracepoint:syscalls:sys_enter_ioctl /pid == PID && args->cmd == {KVM_SET_MEMORY_ATTRIBUTES:#x}/
{{ @entered[tid] = nsecs; @fd[tid] = args->fd; }}
tracepoint:syscalls:sys_exit_ioctl /@entered[tid]/
{{ printf("%llu %llu %d %d %d %d\\n", @entered[tid], nsecs, pid, tid, @fd[tid], args->ret);
  delete(@entered[tid]); }}
BEGIN {{ printf("ready\\n"); }}
"""
ENTER = re.compile(r"\s*\S+-(\d+)\s+\[\d+\]\s+\S+\s+(\d+)\.(\d+): sys_ioctl\(fd: (\w+), cmd: (\w+)")
EXIT = re.compile(r"\s*\S+-(\d+)\s+\[\d+\]\s+\S+\s+(\d+)\.(\d+): sys_ioctl -> (0x\w+)")
FILTER = f"cmd=={KVM_SET_MEMORY_ATTRIBUTES:#x}"
BUFFER_KIB = 16384

is_over = False


def end(number: int, frame: object) -> None:
    global is_over
    is_over = True


def bpftrace(pid: int) -> Counter[int]:
    child = subprocess.Popen(
        [
            "bpftrace",
            "-e",
            PROGRAM.replace("PID", str(pid)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BPFTRACE_PERF_RB_PAGES": "4096"},
    )
    assert child.stdout is not None
    counts: Counter[int] = Counter()
    for line in child.stdout:
        if line == "ready\n":
            print("ready", flush=True)
            continue
        numbers = line.split()
        if len(numbers) == 6 and numbers[0].isdigit():
            counts[int(numbers[4])] += int(numbers[1]) >= int(numbers[0])
    child.wait()
    return counts


def trace_pipe(pid: int) -> Counter[int]:
    instance = TRACING / "instances" / f"gmemscope-bench-{os.getpid()}"
    instance.mkdir()
    try:
        events = instance / "events" / "syscalls"
        (instance / "buffer_size_kb").write_text(str(BUFFER_KIB))
        (instance / "set_event_pid").write_text(str(pid))
        (events / "sys_enter_ioctl" / "filter").write_text(FILTER)
        for name in ("sys_enter_ioctl", "sys_exit_ioctl"):
            (events / name / "enable").write_text("1")
        print("ready", flush=True)
        counts = counted(instance / "trace_pipe")
    finally:
        instance.rmdir()
    return counts


def counted(pipe: Path) -> Counter[int]:
    counts: Counter[int] = Counter()
    fds: dict[str, int] = {}
    for line in lines(pipe):
        if found := ENTER.match(line):
            fds[found[1]] = int(found[4], 16)
        elif (found := EXIT.match(line)) and found[1] in fds:
            counts[fds.pop(found[1])] += int(found[4], 16) != 0
    return counts


def lines(pipe: Path) -> Iterator[str]:
    descriptor, rest = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), b""
    while not is_over:
        if not select.select([descriptor], [], [], 0.1)[0]:
            continue
        try:
            rest += os.read(descriptor, 1 << 16)
        except BlockingIOError:
            continue
        *whole, rest = rest.split(b"\n")
        yield from (line.decode() for line in whole)
    os.close(descriptor)


def main() -> None:
    peer, pid = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGTERM, end)
    if peer == "bpftrace":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # bpftrace ends by it, and then we do
    counts = bpftrace(pid) if peer == "bpftrace" else trace_pipe(pid)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
