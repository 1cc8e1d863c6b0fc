"""`gmemscope collect` as a child of the test, and what this machine must offer for it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.forking import Forked

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TRACEFS = Path("/sys/kernel/tracing")
PATIENCE_S = 180.0


def need_kvm() -> None:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        pytest.skip("hardware: this machine has no /dev/kvm that can be opened")


def need_tracefs() -> None:
    if not os.access(TRACEFS / "instances", os.W_OK) or not (TRACEFS / "events/syscalls").is_dir():
        pytest.skip("hardware: this machine's kernel offers no writable tracefs with system calls")


def need_bpftrace() -> None:
    need_tracefs()
    if shutil.which("bpftrace") is None:
        pytest.skip("bpftrace is not installed")
    if not runs_bpf():
        pytest.skip("hardware: this machine's kernel runs no BPF programs for us")
    compile_loops()


@cache
def compile_loops() -> None:
    """Before a recording: bpftrace's buffers do not wait while its reader compiles."""
    subprocess.run([sys.executable, "-m", "app.cli", "warm"], cwd=ROOT, check=True)


@cache
def runs_bpf() -> bool:
    command = [
        "bpftrace",
        "-e",
        "tracepoint:syscalls:sys_enter_ioctl { exit(); } BEGIN { exit(); }",
    ]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE_S).returncode == 0


@dataclass
class Collecting:
    """The running command. Its standard error is read as it comes."""

    process: subprocess.Popen[str]
    database: Path
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(iter(self.process.stderr.readline, ""))

    @property
    def error_text(self) -> str:
        return "".join(self.errors)

    def await_begin(self) -> None:
        def has_begun() -> bool:
            assert self.process.poll() is None or "begun" in self.error_text, self.error_text
            return "begun" in self.error_text

        wait_until(has_begun)

    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        # Closing what it still reads would wait for it, for ever.
        assert not self._reader.is_alive(), "a child that is left holds its standard error"
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def end(self, number: int | None = signal.SIGTERM) -> dict[str, Any]:
        """What it printed; `number` None: it ends by itself."""
        if number is not None:
            self.process.send_signal(number)
        self._await_end()
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        self._reader.join(PATIENCE_S)
        return dict(json.loads(text)) if text else {}

    def _await_end(self) -> None:
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler tells what it is doing
            self.process.wait(PATIENCE_S)
            self._reader.join(PATIENCE_S)
            pytest.fail(f"it did not end: {self.error_text}")


@contextmanager
def started(
    database: Path, *options: str, environment: dict[str, str] | None = None
) -> Iterator[Collecting]:
    pipe = subprocess.PIPE
    process = Forked(
        ["collect", "--json", "--database", database, *options],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=pipe,
        stderr=pipe,
    )
    collecting = Collecting(process, database)
    try:
        yield collecting
    finally:
        collecting.close()


def start_vmm(truth: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.live.vmm", str(truth), *options]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def run_vmm(truth: Path, *options: str) -> None:
    with start_vmm(truth, *options) as vmm:
        output, _ = vmm.communicate(timeout=PATIENCE_S)
    assert (vmm.returncode, output) == (0, "done\n")


def wait_until(is_so: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < patience_s, "waited in vain"
        time.sleep(0.02)
