"""`gmemscope import`: a recording from a file."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.recording._import_limits import Limits, end_with_watcher
from app.commands.usage import Database, Json, open_engine, summarise, summary_lines
from app.errors import CommandError, UsageError
from app.model.guest import FILE_FORMATS

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.store.protocol import RecordingHeader
    from app.store.schema import Recording
    from app.store.write import RecordingWriter
    from collector.importing import Imported, Progress

REDRAW_S = 0.2
AUTO = "auto"

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings to import.")]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help=f"{', '.join((AUTO, *FILE_FORMATS[:-1]))} or {FILE_FORMATS[-1]}.",
    ),
]
Again = Annotated[
    bool, typer.Option("--again", help="Import a file even if it was imported already.")
]
Watched = Annotated[
    bool,
    typer.Option(
        hidden=True,
        help="For a program that watches: progress as JSON lines, and nothing is kept of an import "
        "that is interrupted.",
    ),
]
MemoryLimit = Annotated[
    int,
    typer.Option(
        "--memory-limit",
        metavar="BYTES",
        min=0,
        help="What the import may take of memory; 0: any. What was read until then is kept.",
    ),
]
CpuLimit = Annotated[
    int,
    typer.Option("--cpu-limit", metavar="SECONDS", min=0, help="The same of CPU time."),
]
OutputLimit = Annotated[
    int,
    typer.Option(
        "--output-limit", metavar="BYTES", min=0, help="By how much the database's file may grow."
    ),
]
MEMORY_LIMIT = 4 << 30
"""Imports of any size stay far below: what needs more is made to do harm."""


def command(
    files: Files,
    format_name: Format = AUTO,
    again: Again = False,
    watched: Watched = False,
    database: Database = None,
    as_json: Json = False,
    memory_limit: MemoryLimit = MEMORY_LIMIT,
    cpu_limit: CpuLimit = 0,
    output_limit: OutputLimit = 0,
) -> None:
    """Make a recording of each FILE: a trace.dat, a log of the bpftrace program, the text of perf
    script, trace-cmd report or the tracing file trace, or a trace log of QEMU.

    The commands that record such files are printed by `gmemscope recipe`, but for QEMU's: qemu
    -trace 'kvm_*' -trace 'ram_block_*' -msg timestamp=on -D FILE. A list of processes by `gmemscope
    recipe processes`, named as FILE and .processes, is read with it. What a damaged file still
    holds is kept; the exit status is 1 then.
    """
    from collector.importing import FORMATS

    if format_name not in (AUTO, *FORMATS):
        known = ", ".join((AUTO, *FORMATS))
        raise UsageError(f"there is no format {format_name!r}; there are {known}")
    limits = Limits(memory_limit, cpu_limit, output_limit)
    engine = open_engine(database)
    if watched:
        end_with_watcher()
    task = ImportTask(engine, format_name, again, watched, limits)
    with limits.imposed(task.database):
        is_sound = import_all(task, files, as_json=as_json)
    if not is_sound:
        raise typer.Exit(CommandError.exit_status)


@dataclass(frozen=True, slots=True)
class ImportTask:
    """What holds for all files of one command."""

    engine: "Engine"
    format_name: str = AUTO
    again: bool = False
    watched: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def database(self) -> Path:
        from app.store.database import database_path

        return database_path(self.engine)


def import_all(task: ImportTask, files: list[Path], *, as_json: bool) -> bool:
    """Whether nothing was wrong with any of them."""
    from collector.capture.inventory import listing_beside

    summaries, is_sound = [], True
    read_with_others = {listing_beside(path) for path in files}
    for path in files:
        if path in read_with_others:
            continue
        summary, problem = import_one(task, path)
        if problem is not None:
            is_sound = False
            print(f"gmemscope: {problem}", file=sys.stderr)
        if summary is None:
            continue
        summaries.append(summary)
        if not as_json:
            print("\n".join(summary_lines(path, summary)))
    if as_json and summaries:
        print(json.dumps(summaries[0] if len(files) == 1 else summaries))
    return is_sound


def import_one(task: ImportTask, path: Path) -> tuple[dict[str, Any] | None, str | None]:
    """(what became a recording, what was wrong with the file), either of them None."""
    from app.store.errors import StoreError
    from collector.importing import format_of, sha256_of
    from collector.trace.errors import InputError, shown_name

    written: list[RecordingWriter] = []
    try:
        chosen = format_of(path) if task.format_name == AUTO else task.format_name
        sha256 = sha256_of(path)
        known = None if task.again else find_imported(task.engine, sha256)
        if known is not None:
            summary = summarise(task.engine, known.id, lost_events=None)
            return summary | {"already_imported": True}, None
        imported = import_as(task, path, chosen, sha256, written)
    except InputError as error:
        return None, f"{error}; nothing was kept"
    except MemoryError:
        return cut_short(task, f"{shown_name(path)}: {task.limits.memory_is_out()}", written)
    except StoreError:
        reason = task.limits.output_is_full(task.database)
        if reason is None:
            raise
        return cut_short(task, f"{shown_name(path)}: {reason}", written)
    return summarise(task.engine, imported.recording_id, imported.lost_events), damage_of(imported)


def import_as(
    task: ImportTask, path: Path, format_name: str, sha256: str, written: "list[RecordingWriter]"
) -> "Imported":
    """`written` holds whatever was begun, however this ends."""
    from app.store.write import RecordingWriter
    from collector.importing import import_file
    from collector.trace.errors import InputError

    def opened(header: "RecordingHeader") -> RecordingWriter:
        written.append(RecordingWriter(task.engine, header))
        return written[0]

    with ending_cleanly(task, written), progress_line(path, task.watched) as shown:

        def report(progress: "Progress") -> None:
            shown(progress)
            if reason := task.limits.time_is_up():
                raise InputError(path, None, reason)

        return import_file(path, format_name, opened, sha256=sha256, report=report)


def cut_short(
    task: ImportTask, problem: str, written: "list[RecordingWriter]"
) -> tuple[dict[str, Any] | None, str]:
    """What had been stored when there was no more room for anything."""
    for recording_id in begun(written):
        kept = f"what was stored is kept as recording {recording_id}, incomplete"
        return summarise(task.engine, recording_id, lost_events=None), f"{problem}; {kept}"
    return None, f"{problem}; nothing was kept"


def begun(written: "list[RecordingWriter]") -> list[int]:
    """Their recordings; one that could not begin, as another process writes, has none."""
    return [writer.recording_id for writer in written if hasattr(writer, "recording_id")]


def damage_of(imported: "Imported") -> str | None:
    if imported.damage is None:
        return None
    kept = f"kept {imported.calls:,} calls as recording {imported.recording_id}, incomplete"
    return f"{imported.damage}; {kept}"


def find_imported(engine: "Engine", sha256: str) -> "Recording | None":
    """The complete recording of a file with this content, if there is one."""
    from app.store.read import Reader
    from app.store.schema import RecordingState

    for recording in Reader(engine).recordings():
        if recording.origin_sha256 == sha256 and recording.state == RecordingState.COMPLETE:
            return recording
    return None


@contextmanager
def ending_cleanly(task: ImportTask, written: "list[RecordingWriter]") -> Iterator[None]:
    """If watched, SIGTERM interrupts, and what an interrupted import wrote is removed."""
    from app.store.database import delete_recording

    if task.watched:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        if task.watched:
            for recording_id in begun(written):
                delete_recording(task.engine, recording_id)
        raise


class progress_line:  # noqa: N801 -- a context manager, used like a function
    """A line on the terminal that shows how far an import has come; silent elsewhere.

    If watched, JSON lines: calls, bytes_read (null if not known), file_bytes.
    """

    def __init__(self, path: Path, watched: bool) -> None:
        from collector.trace.errors import shown_name

        self._name = shown_name(path)
        self._watched = watched
        self._shown_at = 0.0
        self._is_shown = False

    def __enter__(self) -> "progress_line":
        return self

    def __call__(self, progress: "Progress") -> None:
        now = time.monotonic()
        if now - self._shown_at < REDRAW_S:
            return
        if self._watched:
            self._shown_at = now
            print(json.dumps(asdict(progress)), file=sys.stderr, flush=True)
            return
        if not sys.stderr.isatty():
            return
        self._shown_at, self._is_shown = now, True
        share = ""
        if progress.bytes_read is not None:
            share = f"{100 * progress.bytes_read // max(1, progress.file_bytes)} %, "
        line = f"{self._name}: {share}{progress.calls:,} calls"
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *unused: object) -> None:
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
