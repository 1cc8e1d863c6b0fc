"""bpftrace as a supervised child: it starts or says why not, it is alive or known to be dead."""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import time
from collections import deque
from threading import Event

from collector.sources.live import HostCannot, SourceEnded

READY = b"# conv.bt"
"""The program's first line. bpftrace prints it when all its probes are attached."""
START_TIMEOUT_S = 60.0
SILENCE_S = 20.0
"""The live program says something four times a second; when silent for so long, it hangs."""
STOP_TIMEOUT_S = 15.0
BUFFER_PAGES = 4096
"""Of 4 KiB for each CPU. The default of 64 loses events from 0.2 M/s on."""

_READ_BYTES = 1 << 20
_TICK_S = 0.1
_LAST_WORDS = 4  # lines


class BpftraceChild:
    """The running program; its lines, errors and warnings among them, come out of `read`."""

    def __init__(self, program: str, command: str = "bpftrace") -> None:
        self._program = program
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._partial = b""
        self._heard_at = 0.0  # since it is ready
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self.bytes_read = 0

    def start(self, stop: Event) -> None:
        """Return once every probe is attached, or `stop` is set. Raises HostCannot."""
        path = shutil.which(self._command)
        if path is None:
            raise HostCannot(f"{self._command} is not installed; install the package bpftrace")
        # A session of its own: Ctrl-C at the terminal is for us to hand on. When we are killed,
        # its next line ends it, for nobody reads the pipe any more.
        self._process = subprocess.Popen(
            [path, "-e", self._program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "BPFTRACE_PERF_RB_PAGES": str(BUFFER_PAGES)},
            start_new_session=True,
        )
        os.set_blocking(self._descriptor, False)
        fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, _READ_BYTES)
        self._await_ready(stop)

    @property
    def _descriptor(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def _await_ready(self, stop: Event) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not stop.is_set():
            try:
                lines = self.read()
            except SourceEnded as error:
                raise HostCannot(f"bpftrace refused to start: {self._words()}") from error
            if any(line.startswith(READY) for line in lines):
                self._heard_at = time.monotonic()
                return
            if time.monotonic() > deadline:
                self.kill()
                raise HostCannot(
                    f"bpftrace was not ready after {START_TIMEOUT_S:.0f} s: {self._words()}"
                )

    def read(self) -> list[bytes]:
        """Whole lines, as far as there are any within a tenth of a second.

        Raises SourceEnded if the child is dead or hangs.
        """
        content = self._read_some()
        if content is None:
            raise SourceEnded(f"bpftrace {self._death()}: {self._words()}")
        if content and self._heard_at:
            self._heard_at = time.monotonic()
        elif self._heard_at and time.monotonic() - self._heard_at > SILENCE_S:
            raise SourceEnded(f"bpftrace has been silent for {SILENCE_S:.0f} s: it hangs")
        return self._lines(content)

    def _read_some(self) -> bytes | None:
        """None at the end of the output."""
        if not select.select([self._descriptor], [], [], _TICK_S)[0]:
            return b""
        content = os.read(self._descriptor, _READ_BYTES)
        self.bytes_read += len(content)
        return content or None

    def _lines(self, content: bytes) -> list[bytes]:
        lines = (self._partial + content).splitlines(keepends=True)
        self._partial = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for line in lines[-_LAST_WORDS:]:
            text = line.decode(errors="replace").strip()
            if text and not text[0].isdigit() and not text.startswith("#"):
                self._last_words.append(text)
        return lines

    def finish(self) -> list[bytes]:
        """Ask it to end and return what it still had to say; kill it if it does not."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        lines: list[bytes] = []
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            content = self._read_some()
            if content is None:
                self._wait_briefly()
                break
            lines += self._lines(content)
        self.kill()
        return lines

    def kill(self) -> None:
        """Make sure that it is gone; harmless if it is."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _wait_briefly(self) -> int | None:
        """Its exit status once it has closed its output, None if it goes on nevertheless."""
        assert self._process is not None
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return None

    def _death(self) -> str:
        status = self._wait_briefly()
        if status is None:
            return "closed its output"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def _words(self) -> str:
        return " / ".join(self._last_words) or "it said nothing"
