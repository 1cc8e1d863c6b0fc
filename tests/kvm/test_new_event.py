"""A new event is its row, and its numbers among the records and calls: every recorder asks for one
that has no more, every decoder knows it, and it is stored with its vCPU."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("new_event.py")
TRACE = """\
# tracer: nop
             vmm-7       [000] .....  1.000000: sys_ioctl(fd: 3, cmd: 0xae01, arg: 0)
             vmm-7       [000] .....  1.000001: sys_ioctl -> 0x4
             vmm-7       [000] .....  1.000002: sys_ioctl(fd: 4, cmd: 0xae41, arg: 3)
             vmm-7       [000] .....  1.000003: sys_ioctl -> 0x5
             vmm-7       [000] .....  1.000004: sys_ioctl(fd: 5, cmd: 0xae80, arg: 0)
             vmm-7       [000] .....  1.000005: kvm_mmio: mmio write len 4 gpa 0xfee000b0 val 0x2a
"""


def test_a_new_event_is_its_row(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text(TRACE)
    run = subprocess.run(
        [sys.executable, str(PROGRAM), str(trace)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "trace-cmd asks for it",
        "perf asks for it",
        "bpftrace asks for it",
        "live, with the filter len==4",
        "without it: what a guest writes to devices is not seen",
        "in a ring buffer it is record 99",
        "of the bpftrace program, line Z is kvm_mmio",
        "event: gfn 0xfee00, aux 0x2a, vCPU 3",
        "the recording sees page faults: True",
    ]
