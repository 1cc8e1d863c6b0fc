"""Trace logs of QEMU's `log` backend: lines to RECORD rows, rows to calls.

A compiled scan finds each line's event and numbers; the pairing follows what QEMU does next, by
which alone the outcome of a conversion is known.
"""

from collector.trace.qemu._events import QemuCode
from collector.trace.qemu._lines import QemuLines, looks_like_qemu_log
from collector.trace.qemu._pairing import QemuPairing

__all__ = [
    "QemuCode",
    "QemuLines",
    "QemuPairing",
    "looks_like_qemu_log",
]
