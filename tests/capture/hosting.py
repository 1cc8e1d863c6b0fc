"""VMMs as children of a test."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collector.capture.inventory import scan
from collector.vm_inventory import FoundVm

ROOT = Path(__file__).parents[2]


@contextmanager
def holding_vmm(folder: Path, scene: str) -> Iterator[dict[str, Any]]:
    """The process and what it holds, by its own account."""
    truth = folder / f"{scene}.json"
    command = [sys.executable, "-m", "tests.capture.holding_vmm", str(truth), scene]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield json.loads(truth.read_text()) | {"process": process}
        finally:
            process.stdin.close()


def found_of(pid: int) -> list[FoundVm]:
    return [vm for vm in scan([], time.CLOCK_BOOTTIME).vms if vm.process.pid == pid]


def open_files() -> int:
    """How many this process has open, the folder that is listed among them."""
    return len(list(Path("/proc/self/fd").iterdir()))
