"""A QEMU log as rows of RECORD (their codes are QemuCode), in the order of its lines."""

import errno
import os
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from collector.kvm import uapi
from collector.records import RecordArray
from collector.trace.qemu import _scanning as scanning
from collector.trace.qemu._events import QemuCode, templates_of
from collector.trace.qemu._header import STAMP
from collector.trace.text import (
    LONGEST_LINE,
    NEW_NAME,
    UNKNOWN_CPU,
    EventLines,
    Text,
)

OTHER_LINES = "other lines"
_HEAD_LINES = 20_000
_STAMP = re.compile(
    rb"(?:\d{1,10}@\d{1,10}\.\d{6}:|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z )"
)
_EVENT = re.compile(rb"(?:" + _STAMP.pattern + rb")?([a-z][a-z0-9]*_[a-z0-9_]*)(?: |$)")
_ATTRIBUTES_FAILED = re.compile(
    rb": failed to set memory \(0x([0-9a-f]{1,16})\+0x([0-9a-f]{1,16})\) "
    rb"with attr 0x([0-9a-f]{1,16}) error '([^']*)'"
)
_REFUSED = re.compile(
    rb": Convert(?:ing)? non guest_memfd backed memory region "
    rb"\(0x([0-9a-f]{1,16}) ,\+ 0x([0-9a-f]{1,16})\) to (private|shared)"
)
_ERRNO = {os.strerror(number): number for number in errno.errorcode}


def looks_like_qemu_log(head: bytes) -> bool:
    """Whether the first bytes of a file are a log of QEMU: a trace event of ours is there, or a
    line with a stamp as QEMU makes them."""
    for line in head.split(b"\n"):
        found = _EVENT.match(line.rstrip(b"\r"))
        if found is not None and (_STAMP.match(line) or templates_of(found[1].decode(), "")):
            return True
    return False


def has_times(path: Path) -> bool:
    """Whether the first event of a log has a time, and so all have."""
    with path.open("rb") as file:
        for line in islice(iter(partial(file.readline, LONGEST_LINE), b""), _HEAD_LINES):
            found = _EVENT.match(line.rstrip(b"\r\n"))
            if found is not None:
                return _STAMP.match(line) is not None
    return False


class QemuLines(EventLines):
    """The rows of one log, read once from front to back."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, templates_of)
        self.has_times = has_times(path)
        self._logs = np.zeros(1, scanning.LOG)
        self._log = self._logs[0]
        self._log["has_times"], self._log["line"] = self.has_times, 1

    @property
    def stepped_back_ns(self) -> int:
        """By how much the clock stepped back at most."""
        return int(self._log["stepped_back"])

    @property
    def has_threads(self) -> bool:
        return bool(self._log["form"] == STAMP)

    def batches(self) -> Iterator[RecordArray]:
        return self._scanned()

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        used, unused = super().event_counts()
        if others := int(self._log["others"]):
            unused[OTHER_LINES] = others
        return used, unused

    def _scan(self, text: Text) -> int:
        return scanning.scan(self._tables, text, self._logs)

    def _meet(self, status: int, chunk: bytes) -> None:
        if status == scanning.MESSAGE:
            at, end = int(self._places["at"]), int(self._places["line_end"])
            self._take_message(chunk[at:end])
            self._pass_over(end)
        elif status == NEW_NAME and self.has_many_names:
            self._pass_over(int(self._places["line_end"]))
        else:
            super()._meet(status, chunk)

    def _note_unreadable(self, chunk: bytes) -> None:
        super()._note_unreadable(chunk)
        self._log["line"] += 1

    def _pass_over(self, line_end: int) -> None:
        self._log["others"] += 1
        self._log["line"] += 1
        self._places["at"] = line_end + 1

    def _take_message(self, line: bytes) -> None:
        """A message of QEMU: that a conversion failed, perhaps."""
        failed, refused = _ATTRIBUTES_FAILED.search(line), _REFUSED.search(line)
        if failed is not None:
            start, size, attributes = (int(failed[i], 16) for i in (1, 2, 3))
            number = _ERRNO.get(failed[4].decode(errors="replace"))
            if number is not None:  # else in another language: its outcome stays open
                self._put_failure(start, size, attributes, number)
        elif refused is not None:
            attributes = uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE if refused[3] == b"private" else 0
            self._put_failure(int(refused[1], 16), int(refused[2], 16), attributes, errno.EINVAL)

    def _put_failure(self, start: int, size: int, attributes: int, number: int) -> None:
        row = self._tables.rows[self._places["rows"]]
        row["ts"], row["tid"] = self._log["last_ts"], self._tables.header["tid"][0]
        row["cpu"], row["code"], row["flags"] = UNKNOWN_CPU, QemuCode.FAILED, 0
        values = np.array((start, size, attributes, number, 0, 0, 0, 0), np.uint64)
        row["v"] = values.view(np.int64)
        self._places["rows"] += 1
