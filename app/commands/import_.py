"""`gmemscope import`: a recording from a file."""

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.errors import CommandError, UsageError
from app.commands.options import Database, Json, open_engine

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.store.tables import Recording
    from app.store.writer import RecordingWriter
    from collector.importer import Imported, Progress

REDRAW_S = 0.2
AUTO = "auto"

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings to import.")]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="auto, trace.dat, bpftrace, perf-script, trace-report, trace or qemu.",
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


def command(
    files: Files,
    format_name: Format = AUTO,
    again: Again = False,
    watched: Watched = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a recording of each FILE: a trace.dat, a log of the bpftrace program, the text of perf
    script, trace-cmd report or the tracing file trace, or a trace log of QEMU.

    The commands that record such files are printed by `gmemscope recipe`, but for QEMU's: qemu
    -trace 'kvm_*' -trace 'ram_block_*' -msg timestamp=on -D FILE. What a damaged file still tells
    is kept; the exit status is 1 then.
    """
    from collector.importer import FORMATS

    if format_name not in (AUTO, *FORMATS):
        known = ", ".join((AUTO, *FORMATS))
        raise UsageError(f"there is no format {format_name!r}; there are {known}")
    engine = open_engine(database)
    summaries, bad = [], []
    for path in files:
        summary, problem = import_one(engine, path, format_name, again=again, watched=watched)
        if problem is not None:
            bad.append(problem)
            print(f"gmemscope: {problem}", file=sys.stderr)
        if summary is None:
            continue
        summaries.append(summary)
        if not as_json:
            print("\n".join(summary_lines(path, summary)))
    if as_json and summaries:
        print(json.dumps(summaries[0] if len(files) == 1 else summaries))
    if bad:
        raise typer.Exit(CommandError.exit_status)


def import_one(
    engine: "Engine", path: Path, format_name: str, *, again: bool, watched: bool = False
) -> tuple[dict[str, Any] | None, str | None]:
    """(what became a recording, what was wrong with the file), either of them None."""
    from app.store.writer import RecordingWriter
    from collector.importer import format_of, import_file, sha256_of
    from collector.sources.base import InputError

    try:
        chosen = format_of(path) if format_name == AUTO else format_name
        sha256 = sha256_of(path)
        known = None if again else find_imported(engine, sha256)
        if known is not None:
            return summarise(engine, known.id, lost_events=None) | {"already_imported": True}, None
        with ending_cleanly(engine, watched) as opened, progress_line(path, watched) as report:
            imported = import_file(
                path,
                chosen,
                lambda header: opened(RecordingWriter(engine, header)),
                sha256=sha256,
                report=report,
            )
    except InputError as error:
        return None, f"{error}; nothing was kept"
    summary = summarise(engine, imported.recording_id, imported.lost_events)
    return summary, damage_of(imported)


def damage_of(imported: "Imported") -> str | None:
    if imported.damage is None:
        return None
    kept = f"kept {imported.calls:,} calls as recording {imported.recording_id}, incomplete"
    return f"{imported.damage}; {kept}"


def find_imported(engine: "Engine", sha256: str) -> "Recording | None":
    """The complete recording of a file with this content, if there is one."""
    from app.store.reader import Reader
    from app.store.tables import RecordingState

    for recording in Reader(engine).recordings():
        if recording.origin_sha256 == sha256 and recording.state == RecordingState.COMPLETE:
            return recording
    return None


def summarise(engine: "Engine", recording_id: int, lost_events: int | None) -> dict[str, Any]:
    """What a recording holds; `lost_events` as the source counted them, None: as stored."""
    from app.store.reader import Reader

    reader = Reader(engine)
    recording = reader.recording(recording_id)
    all_vms = reader.vms(recording_id, include_unattributed=True)
    named = [vm for vm in all_vms if not vm.is_unattributed]
    stray = [vm for vm in all_vms if vm.is_unattributed]
    events: Counter[str] = Counter()
    for vm in all_vms:
        events.update(vm.events_by_kind)
    counts = ("requested", "applied", "failed", "unconfirmed", "effective_pages")
    lost = recording.lost_events if lost_events is None else lost_events
    return {
        "recording": recording_id,
        "state": recording.state,
        "incomplete_reason": recording.incomplete_reason,
        "vms": [{"id": vm.id, "name": vm.name, "pid": vm.pid, "vm_fd": vm.vm_fd} for vm in named],
        "events": dict(events),
        "conversions": {name: sum(getattr(vm, name) for vm in all_vms) for name in counts},
        "memslots": sum(len(reader.memslots(vm.id)) for vm in named),
        "lost_events": lost,
        "losses": recording.losses,
        "unattributed": {
            "vm": stray[0].id if stray else None,
            "conversions": sum(vm.requested for vm in stray),
        },
        "missing": [gap["costs"] for gap in recording.coverage.get("missing", [])],
        "already_imported": False,
    }


def summary_lines(path: Path, summary: dict[str, Any]) -> list[str]:
    from collector.sources.base import shown_name

    conversions = summary["conversions"]
    known = " (already imported; --again imports it anew)" if summary["already_imported"] else ""
    lines = [
        f"recording {summary['recording']}: {shown_name(path)}{known}",
        f"  {conversions['requested']:,} conversions: {conversions['applied']:,} applied, "
        f"{conversions['failed']:,} failed, {conversions['unconfirmed']:,} unconfirmed; "
        f"{conversions['effective_pages']:,} pages changed",
    ]
    for vm in summary["vms"]:
        pid = "" if vm["pid"] is None else f" (pid {vm['pid']})"
        lines.append(f"  vm {vm['id']}: {vm['name']}{pid}")
    lines.append(f"  {summary['memslots']} memslots, {summary['lost_events']:,} events lost")
    if summary["unattributed"]["conversions"]:
        lines.append(
            f"  {summary['unattributed']['conversions']:,} conversions on no VM that can be told"
        )
    return lines + [f"  not in this recording: {cost}" for cost in summary["missing"]]


@contextmanager
def ending_cleanly(
    engine: "Engine", watched: bool
) -> "Iterator[Callable[[RecordingWriter], RecordingWriter]]":
    """If watched, SIGTERM interrupts, and what an interrupted import wrote is removed."""
    from app.store.delete import delete_recording

    written: list[RecordingWriter] = []

    def remember(writer: "RecordingWriter") -> "RecordingWriter":
        written.append(writer)
        return writer

    if watched:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield remember
    except KeyboardInterrupt:
        if watched:
            for writer in written:
                delete_recording(engine, writer.recording_id)
        raise


class progress_line:  # noqa: N801 -- a context manager, used like a function
    """A line on the terminal that tells how far an import has come; silent elsewhere.

    If watched, JSON lines: calls, bytes_read (null if not known), file_bytes.
    """

    def __init__(self, path: Path, watched: bool) -> None:
        from collector.sources.base import shown_name

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
