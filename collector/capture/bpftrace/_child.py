"""bpftrace as a supervised child: it starts or reports why not, it is alive or known to be dead.

It is woken for every event unless it is busy, which costs it more than the event itself. So its
pipe is kept small between two readings: full, it makes bpftrace wait in write(2) while the events
pile up in the buffers it reads, and it takes them by the hundred when the pipe is emptied.
"""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from threading import Event

from collector.capture.live import HostCannot, SourceEnded

READY = b"# gmemscope.bt"
"""The program's first line. bpftrace prints it when all its probes are attached."""
START_TIMEOUT_S = 240.0
SILENCE_S = 20.0
"""The live program prints something four times a second; when silent for so long, it hangs."""
WAIT_S = 15.0
PAGE_BYTES = 4096
BUFFER_PAGES = 4096
"""Of 4 KiB for each CPU, where there are few. The default of 64 loses events from 0.2 M/s on."""
ALL_BUFFERS_PAGES = 1 << 18
LEAST_BUFFER_PAGES = 512
MAP_KEYS = 1 << 16
"""Of threads, processes and descriptors at a time; the default is 4096."""
TICK_S = 0.2

_PIPE_BYTES = 1 << 20
_NARROW_BYTES = 1 << 12
_MOST_BYTES = 1 << 22  # at once
_DRY_S = 0.003  # nothing comes for so long: it has printed what there is
_LAST_TICK_S = 0.05  # between readings when it is about to end
_LAST_WORDS = 4  # lines
_ENVIRONMENT = {
    "BPFTRACE_MAP_KEYS_MAX": str(MAP_KEYS),
    "BPFTRACE_MAX_MAP_KEYS": str(MAP_KEYS),  # its name since bpftrace 0.20
}


def buffer_pages() -> int:
    """For each CPU; the perf buffer wants a power of two."""
    pages, cpus = BUFFER_PAGES, os.cpu_count() or 1
    while pages > LEAST_BUFFER_PAGES and pages * cpus > ALL_BUFFERS_PAGES:
        pages //= 2
    return pages


class BpftraceChild:
    """The running program; what it prints comes out of `read`, its complaints do not."""

    def __init__(self, command: str = "bpftrace") -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._early = b""
        self._complaints = b""
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._heard_at = 0.0
        self._read_at = 0.0
        self.bytes_read = 0
        self.is_behind = False  # there was more than one reading takes

    def start(self, program: str, stop: Event) -> None:
        """Return once every probe is attached, or `stop` is set. Raises HostCannot."""
        path = shutil.which(self._command)
        if path is None:
            raise HostCannot(f"{self._command} is not installed; install the package bpftrace")
        # A session of its own: Ctrl-C at the terminal is for us to hand on. When we are killed,
        # what it prints next ends it, for nobody reads the pipe any more.
        self._process = subprocess.Popen(
            [path, "-B", "full", "-e", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_ENVIRONMENT, "BPFTRACE_PERF_RB_PAGES": str(buffer_pages())},
            start_new_session=True,
        )
        for descriptor in (self._output, self._errors):
            os.set_blocking(descriptor, False)
        self._await_ready(stop)

    @property
    def _output(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    @property
    def _errors(self) -> int:
        assert self._process is not None
        assert self._process.stderr is not None
        return self._process.stderr.fileno()

    def _await_ready(self, stop: Event) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not stop.is_set():
            try:
                self._early += self._read_some(TICK_S)
            except SourceEnded as error:
                raise HostCannot(f"bpftrace refused to start: {self._words()}") from error
            if READY in self._early:
                self._heard_at = time.monotonic()
                self._resize(_NARROW_BYTES)
                return
            if time.monotonic() > deadline:
                self.kill()
                raise HostCannot(
                    f"bpftrace was not ready after {START_TIMEOUT_S:.0f} s: {self._words()}"
                )

    def read(self, stop: Event) -> bytes:
        """What it has printed since the last time, TICK_S ago at least.

        Raises SourceEnded if the child is dead or hangs, after giving what it had printed.
        """
        wait = 0.0 if self.is_behind else self._read_at + TICK_S - time.monotonic()
        if stop.wait(max(0.0, wait)):
            time.sleep(_LAST_TICK_S)
        content = self._drained()
        self._read_at = time.monotonic()
        if content:
            self._heard_at = self._read_at
        elif self._read_at - self._heard_at > SILENCE_S:
            raise SourceEnded(f"bpftrace has been silent for {SILENCE_S:.0f} s: it hangs")
        return content

    def _drained(self) -> bytes:
        parts, size = [self._early], len(self._early)
        self._early = b""
        self._resize(_PIPE_BYTES)
        while size < _MOST_BYTES:
            try:
                content = self._read_some(_DRY_S)
            except SourceEnded:
                if size:  # first what it printed; it is still dead the next time
                    break
                raise
            if not content:
                break
            parts.append(content)
            size += len(content)
        self.is_behind = size >= _MOST_BYTES
        if not self.is_behind:
            self._resize(_NARROW_BYTES)
        return b"".join(parts)

    def _read_some(self, patience_s: float) -> bytes:
        """Empty if nothing comes. Raises SourceEnded at the end of the output."""
        ready = select.select([self._output], [], [], patience_s)[0]
        self._hear_complaints()
        if not ready:
            return b""
        content = os.read(self._output, _PIPE_BYTES)
        if not content:
            raise SourceEnded(f"bpftrace {self._death()}: {self._words()}")
        self.bytes_read += len(content)
        return content

    def _resize(self, size: int) -> None:
        with suppress(OSError):  # it holds more than that, or more is not allowed
            fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, size)

    def _hear_complaints(self) -> None:
        with suppress(BlockingIOError):
            while content := os.read(self._errors, _PIPE_BYTES):
                self._complaints += content
        *lines, self._complaints = self._complaints.split(b"\n")
        for line in lines:
            if line.strip():
                self._last_words.append(line.decode(errors="replace").strip())

    def kill(self) -> None:
        """Make sure that it is gone; harmless if it is."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _death(self) -> str:
        assert self._process is not None
        try:
            status = self._process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            return "closed its output"
        self._hear_complaints()
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def _words(self) -> str:
        return " / ".join(self._last_words) or "it printed nothing"
