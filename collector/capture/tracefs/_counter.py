"""How many conversions VMMs asked for, by what the kernel counts of an instance that nobody reads.

Its buffers are as small as can be. One event goes into it for each conversion, on top of those of
the recording instance: that has the other calls of VMMs and processes besides, so its own counts
would not show a storm.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from collector.capture.live import HostCannot, SourceEnded
from collector.capture.tracefs._instance import follow
from collector.capture.tracefs._left_behind import TRACEFS
from collector.capture.tracefs._owner import Owner
from collector.kvm.catalogue import IOCTL_ENTER, of_conversions

LEAST_KIB = "4"
"""The kernel makes two sub-buffers of it (rb_allocate_pages, kernel/trace/ring_buffer.c)."""
_EVENT = IOCTL_ENTER.points[0].replace(":", "/")
_WRITTEN = re.compile(rb"^(?:entries|overrun|read events): (\d+)$", re.MULTILINE)
_STATS_BYTES = 1024


class ConversionCounter:
    """Counts while it exists. `remove` leaves nothing behind."""

    def __init__(self, pids: Iterable[int], root: Path = TRACEFS) -> None:
        """Raises HostCannot."""
        self.path = root / "instances" / Owner.ourselves().counting_name
        self._stats: list[int] = []
        try:
            self.path.mkdir()
        except OSError as error:
            raise HostCannot(f"no tracing instance can be made: {error}") from error
        try:
            self._set_up(pids)
        except OSError as error:
            self.remove()
            raise HostCannot(f"conversions cannot be counted: {error}") from error

    def _set_up(self, pids: Iterable[int]) -> None:
        self._write("buffer_size_kb", LEAST_KIB)
        follow(self.path, pids)
        self._write(f"events/{_EVENT}/filter", of_conversions().text())
        for stats in sorted((self.path / "per_cpu").glob("cpu*/stats")):
            self._stats.append(os.open(stats, os.O_RDONLY | os.O_CLOEXEC))
        self._write(f"events/{_EVENT}/enable", "1")

    def _write(self, file: str, word: str) -> None:
        (self.path / file).write_text(word)

    def count(self) -> int:
        """Since it was made. Raises SourceEnded."""
        try:
            texts = [os.pread(stats, _STATS_BYTES, 0) for stats in self._stats]
        except OSError as error:
            raise SourceEnded(f"{self.path} is not to be read: {error.strerror}") from error
        return sum(int(number) for text in texts for number in _WRITTEN.findall(text))

    @property
    def problem(self) -> str | None:
        """What somebody else did to it, so that it counts no longer."""
        try:
            is_on = "1" in (self.path / "tracing_on").read_text()
            counts = "1" in (self.path / f"events/{_EVENT}/enable").read_text()
        except OSError as error:
            return f"the tracing instance {self.path.name} is not to be read: {error.strerror}"
        return None if is_on and counts else f"somebody switched {self.path.name} off"

    def remove(self) -> None:
        while self._stats:
            os.close(self._stats.pop())
        with suppress(OSError):
            self.path.rmdir()
