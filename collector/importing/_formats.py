"""The file formats that can be imported, each registered here, and which of them a file has."""

from collections.abc import Callable
from pathlib import Path

from collector.capture.inventory import looks_like_listing
from collector.importing._imported_file import FileFormat
from collector.trace.errors import InputError, readable

_HEAD_BYTES = 1 << 16
_ADVICE = {
    b"PERFILE2": (
        "this is perf.data, in a format of perf's own: import the text of"
        " `perf script --header --ns --show-lost-events` instead"
    ),
    b"\xfd7zXZ\0": "this is packed by xz: unpack it first, by `xz -dk`",
    b"\x1f\x8b": "this is packed by gzip: unpack it first, by `gzip -dk`",
    b"\x28\xb5\x2f\xfd": "this is packed by zstd: unpack it first, by `zstd -d`",
}
"""What to do with files that begin so."""
_ADVICE_FOR_LISTS = (
    "this is a list of processes: it is read with the recording that it lies beside, whose name it "
    "has, and .processes after that"
)


def _trace_dat() -> FileFormat:
    from collector.importing._trace_dat import TraceDatFile

    return TraceDatFile


def _bpftrace() -> FileFormat:
    from collector.importing._bpftrace_log import BpftraceLog

    return BpftraceLog


def _perf_script() -> FileFormat:
    from collector.importing._text_trace import PerfScript

    return PerfScript


def _trace_report() -> FileFormat:
    from collector.importing._text_trace import TraceReport

    return TraceReport


def _trace_file() -> FileFormat:
    from collector.importing._text_trace import TraceFile

    return TraceFile


def _qemu() -> FileFormat:
    from collector.importing._qemu_log import QemuLog

    return QemuLog


FORMATS: dict[str, Callable[[], FileFormat]] = {
    "trace.dat": _trace_dat,
    "bpftrace": _bpftrace,
    "perf-script": _perf_script,
    "trace-report": _trace_report,
    "trace": _trace_file,
    "qemu": _qemu,
}
"""The class that reads each, in the order in which they are tried. It is imported when it is asked
for, each alone: together they take long."""


def format_of(path: Path) -> str:
    """Find a file's format by its content. Raises InputError if it is none that can be imported."""
    with readable(path), path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise InputError(path, 0, "the file is empty")
    for name, load in FORMATS.items():
        if load().detects(head):
            return name
    if looks_like_listing(head):
        raise InputError(path, 0, _ADVICE_FOR_LISTS)
    for magic, advice in _ADVICE.items():
        if head.startswith(magic):
            raise InputError(path, 0, advice)
    raise InputError(path, 0, f"this is none of the formats known ({', '.join(FORMATS)})")
