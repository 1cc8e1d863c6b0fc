"""From a file to a recording: source -> assembly -> whatever takes recordings."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np

from app.store.protocol import RecordingHeader, RecordingSink
from collector.ahead import ahead
from collector.assemble.assembler import Assembler
from collector.assemble.border import LAST_NS
from collector.coverage import describe_coverage
from collector.host.found import Found
from collector.host.listing import looks_like_listing, told_beside
from collector.records import CallArray, CallCode
from collector.sources.base import InputError, SourceDescription, shown_name

TRACE_DAT_MAGIC = b"\x17\x08\x44tracing"
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
_LOSSES = (CallCode.LOSS_BEGIN, CallCode.LOSS_END)


class ImportedFile(Protocol):
    """What every file format offers (one module of collector.sources each)."""

    @property
    def bytes_read(self) -> int | None:
        """None if the file is not read from front to back."""

    def describe(self) -> SourceDescription: ...

    def sees(self) -> dict[str, bool]:
        """Capability -> is it in the recording, by what was met so far."""

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]: ...

    def batches(self) -> Iterator[CallArray]: ...

    def close(self) -> None: ...


FORMATS = {
    "trace.dat": "trace_dat.TraceDatFile",
    "bpftrace": "bpftrace_log.BpftraceLog",
    "perf-script": "perf_script.PerfScript",
    "trace-report": "trace_text.TraceReport",
    "trace": "trace_text.TraceFile",
    "qemu": "qemu_log.QemuLog",
}
"""Which class of collector.sources reads each. One alone is imported: together they take long."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file. `damage` says what was wrong with it, if anything."""

    recording_id: int
    calls: int
    lost_events: int
    damage: InputError | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come."""

    calls: int
    bytes_read: int | None
    file_bytes: int


SinkFactory = Callable[[RecordingHeader], RecordingSink]
ProgressReport = Callable[[Progress], None]


def format_of(path: Path) -> str:
    """Tell a file's format by its content. Raises InputError if it is none that can be imported."""
    with _readable(path), path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise InputError(path, 0, "the file is empty")
    if head.startswith(TRACE_DAT_MAGIC):
        return "trace.dat"
    from collector.sources.bpftrace_log import looks_like_bpftrace_log
    from collector.sources.perf_script import looks_like_perf_script
    from collector.sources.trace_text import looks_like_trace_file, looks_like_trace_report
    from collector.text.qemu_lines import looks_like_qemu_log

    if looks_like_bpftrace_log(head):
        return "bpftrace"
    if looks_like_trace_file(head):
        return "trace"
    if looks_like_perf_script(head):
        return "perf-script"
    if looks_like_trace_report(head):
        return "trace-report"
    if looks_like_qemu_log(head):
        return "qemu"
    if looks_like_listing(head):
        raise InputError(path, 0, _ADVICE_FOR_LISTS)
    for magic, advice in _ADVICE.items():
        if head.startswith(magic):
            raise InputError(path, 0, advice)
    raise InputError(path, 0, f"this is none of the formats known ({', '.join(FORMATS)})")


def sha256_of(path: Path) -> str:
    with _readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def import_file(
    path: Path,
    format_name: str,
    open_sink: SinkFactory,
    *,
    sha256: str | None = None,
    report: ProgressReport | None = None,
) -> Imported:
    """Read a file into a new recording.

    Damage ends or interrupts the reading, not the import: what was sound is kept, the recording
    is marked incomplete and the error returned. Raises InputError if nothing could be read.
    """
    with _readable(path), closing(_open(path, format_name)) as source:
        description = _checked(path, source.describe())
        beside = told_beside(path, description)
        groups = beside.thread_groups | description.thread_groups
        description = replace(description, thread_groups=groups)
        with open_sink(_header(path, source, description, sha256)) as sink:
            assembler = Assembler(sink, description)
            finding = _Finding(assembler, beside.found)
            calls, damage = _feed(finding, source, path, report)
            if damage is not None:
                sink.mark_incomplete(str(damage))
            sink.update_coverage(_coverage(path, source, (*beside.notes, *assembler.notes)))
            return Imported(sink.recording_id, calls, assembler.lost_events, damage)


def _open(path: Path, format_name: str) -> ImportedFile:
    module, _, name = FORMATS[format_name].partition(".")
    opened: ImportedFile = getattr(import_module(f"collector.sources.{module}"), name)(path)
    return opened


def _checked(path: Path, told: SourceDescription) -> SourceDescription:
    """Raises InputError if no clock can have been where the recording says that it began."""
    if not 0 <= told.clock_start_ns < LAST_NS:
        reason = f"its first event was at {told.clock_start_ns} ns of its clock: it is damaged"
        raise InputError(path, None, reason)
    wall = told.wall_start_ns
    if wall is None or 0 <= wall < LAST_NS:
        return told
    note = "What the file says of the time of day when it was recorded cannot be right."
    return replace(told, wall_start_ns=None, notes=(*told.notes, note))


@dataclass(slots=True)
class _Finding:
    """Gives an assembler calls, and between them what was found on the host meanwhile."""

    assembler: Assembler
    found: Found | None

    def add(self, calls: CallArray) -> None:
        if self.found is not None and len(calls):
            at = np.uint64(self.found.clock_ns)
            count = int(np.searchsorted(calls["ts_exit"], at, side="right"))
            if count < len(calls):
                self.assembler.add(calls[:count])
                self.assembler.found(self.found)
                self.found, calls = None, calls[count:]
        self.assembler.add(calls)


def _feed(
    finding: _Finding, source: ImportedFile, path: Path, report: ProgressReport | None
) -> tuple[int, InputError | None]:
    calls, damage = 0, None
    try:
        with closing(ahead(source.batches())) as batches:
            for batch in batches:
                finding.add(batch)
                calls += int(np.count_nonzero(~np.isin(batch["code"], _LOSSES)))
                if report is not None:
                    report(Progress(calls, source.bytes_read, path.stat().st_size))
    except InputError as error:
        damage = error
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted after {calls:,} calls") from error
    finding.assembler.finish()
    return calls, _with_refused(path, damage, finding.assembler.damage)


def _with_refused(path: Path, damage: InputError | None, refused: str | None) -> InputError | None:
    """The damage of a file, with what it told that cannot have happened."""
    if refused is None:
        return damage
    if damage is None:
        return InputError(path, None, refused)
    return InputError(path, damage.offset, f"{damage.reason}; besides, {refused}")


def _header(
    path: Path, source: ImportedFile, description: SourceDescription, sha256: str | None
) -> RecordingHeader:
    return RecordingHeader(
        name=shown_name(path),
        source=description.format,
        host=description.host or "unknown",
        clock=description.clock,
        clock_start_ns=description.clock_start_ns,
        wall_start_ns=description.wall_start_ns,
        kernel_release=description.kernel_release,
        origin=shown_name(path),
        origin_sha256=sha256,
        coverage=_coverage(path, source),
    )


def _coverage(path: Path, source: ImportedFile, notes: tuple[str, ...] = ()) -> dict[str, object]:
    used, unused = source.event_counts()
    said = _checked(path, source.describe())
    return describe_coverage(
        source.sees(),
        events=used,
        unused_events=unused,
        notes=(*said.notes, *notes),
        costs=said.costs,
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn the system's refusal to let us read into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(path, None, error.strerror or str(error)) from error
