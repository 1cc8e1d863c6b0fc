"""One import as a process of its own: what it prints, and what remains of it however it ends."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.store.database import delete_recording, open_database, written_by
from app.store.errors import StoreError

_LAST_WORDS = 2000
_KILL_AFTER_S = 15.0
"""A cancelled import has that long to remove what it wrote; then that is done for it."""

Progressed = Callable[[int, int | None], None]
"""Given calls and bytes read, None where the latter is not known."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The summary that it printed, if it did, and what was wrong."""

    summary: dict[str, Any] | None
    problem: str | None


class ImportChild:
    """Runs once. It ends with this process, whose end of its standard input closes then."""

    def __init__(self, database: Path, options: tuple[str, ...]) -> None:
        self._database = database
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._is_cancelled = False
        self._ended = asyncio.Event()

    async def run(self, path: Path, format_name: str, progressed: Progressed) -> Outcome:
        """Raises OSError if it cannot be started."""
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app.cli", "import", str(path), "--watched", "--json"),
                *("--format", format_name, "--database", str(self._database), *self._options),
                cwd=Path(__file__).parents[2],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            if self._is_cancelled:
                process.terminate()
            assert process.stdout is not None
            assert process.stderr is not None
            printed, errors = await asyncio.gather(
                process.stdout.read(), _follow(process.stderr, progressed)
            )
            status = await process.wait()
        finally:
            self._ended.set()
        if status < 0:
            kept = await asyncio.to_thread(self._settle, process.pid)
            return Outcome(None, None if self._is_cancelled else _killed(-status, kept))
        return _outcome(status, printed, errors)

    async def cancel(self) -> None:
        """Returns when it has ended."""
        self._is_cancelled = True
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._ended.wait(), _KILL_AFTER_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._ended.wait()

    def _settle(self, pid: int) -> int | None:
        """What it left behind is incomplete, which is marked by whoever opens the database next; of
        a cancelled import nothing is left."""
        try:
            left = _left_by(self._database, pid)
            engine = open_database(self._database)
            try:
                if left is not None and self._is_cancelled:
                    delete_recording(engine, left)
            finally:
                engine.dispose()
        except StoreError:
            return None  # somebody else writes, and has seen to it
        return left


def _left_by(database: Path, pid: int) -> int | None:
    engine = open_database(database, read_only=True)
    try:
        return written_by(engine, pid)
    finally:
        engine.dispose()


async def _follow(stream: asyncio.StreamReader, progressed: Progressed) -> str:
    """Take progress from the process's JSON lines; returns the end of what else it printed."""
    errors = ""
    while content := await _line(stream):
        text = content.decode(errors="replace")
        if text.startswith("{"):
            progress = json.loads(text)
            progressed(progress["calls"], progress["bytes_read"])
        else:
            errors = (errors + text)[-_LAST_WORDS:]
    return errors


async def _line(stream: asyncio.StreamReader) -> bytes:
    """One longer than the stream's limit comes in parts."""
    try:
        return await stream.readuntil()
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.readexactly(error.consumed)


def _outcome(status: int, printed: bytes, errors: str) -> Outcome:
    words = [line.removeprefix("gmemscope: ") for line in errors.strip().splitlines()]
    summary = json.loads(printed) if printed.strip() else None
    problem = None
    if status != 0:
        problem = words[-1] if words else f"the import ended with status {status}"
    return Outcome(summary, problem)


def _killed(number: int, recording_id: int | None) -> str:
    """`recording_id`: what was kept."""
    name = signal.Signals(number).name
    kept = "nothing was kept"
    if recording_id is not None:
        kept = f"what it had stored is kept as recording {recording_id}, incomplete"
    reason = _REASONS.get(name, "which is a fault of gmemscope's: please report it with the file")
    return f"the import was ended by {name}, {reason}; {kept}"


_REASONS = {
    "SIGKILL": "for it took more CPU time than it may, or more memory than this machine has",
    "SIGXCPU": "for it took more CPU time than it may",
    "SIGTERM": "by somebody else",
}
