"""From a file to a recording: source -> assembly -> whatever takes recordings."""

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.store.protocol import RecordingHeader, RecordingSink
from collector.assemble import LAST_NS, Assembler
from collector.capture.inventory import list_beside
from collector.codes import CallCode
from collector.coverage import describe_coverage
from collector.description import SourceDescription
from collector.importing._formats import FORMATS
from collector.importing._imported_file import ImportedFile
from collector.records import CallArray
from collector.trace.errors import InputError, readable, shown_name
from collector.vm_inventory import Inventory

BATCHES_AHEAD = 2


def ahead(batches: Iterator[CallArray]) -> Generator[CallArray]:
    """The same batches, each made by another thread while the caller works on those before it.

    What making one raises is raised in its place. Close it: that waits for the thread.
    """
    with ThreadPoolExecutor(1) as thread:
        made = deque(thread.submit(next, batches, None) for _ in range(BATCHES_AHEAD))
        while (batch := made.popleft().result()) is not None:
            made.append(thread.submit(next, batches, None))
            yield batch


_LOSSES = (CallCode.LOSS_BEGIN, CallCode.LOSS_END)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file. `damage` is what was wrong with it, if anything."""

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


def sha256_of(path: Path) -> str:
    with readable(path), path.open("rb") as file:
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
    with readable(path), closing(FORMATS[format_name]()(path)) as source:
        description = _checked(path, source.describe())
        beside = list_beside(path, description)
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


def _checked(path: Path, described: SourceDescription) -> SourceDescription:
    """Raises InputError if no clock can have been where the recording begins."""
    if not 0 <= described.clock_start_ns < LAST_NS:
        reason = f"its first event was at {described.clock_start_ns} ns of its clock: it is damaged"
        raise InputError(path, None, reason)
    wall = described.wall_start_ns
    if wall is None or 0 <= wall < LAST_NS:
        return described
    note = "The time of day at which the file was recorded cannot be right."
    return replace(described, wall_start_ns=None, notes=(*described.notes, note))


@dataclass(slots=True)
class _Finding:
    """Gives an assembler calls, and between them what was found on the host meanwhile."""

    assembler: Assembler
    found: Inventory | None

    def add(self, calls: CallArray) -> None:
        if self.found is not None and len(calls):
            at = np.uint64(self.found.clock_ns)
            count = int(np.searchsorted(calls["ts_exit"], at, side="right"))
            if count < len(calls):
                self.assembler.add(calls[:count])
                self.assembler.add_inventory(self.found)
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
    """The damage of a file, with what it records that cannot have happened."""
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
    described = _checked(path, source.describe())
    return describe_coverage(
        source.sees(),
        events=used,
        unused_events=unused,
        notes=(*described.notes, *notes),
        costs=described.costs,
    )
