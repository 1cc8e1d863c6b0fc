"""Files that a browser sent, imported one at a time by a process of their own."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["running", "done", "failed", "cancelled"]
_PREFIX = ".gmemscope-import-"
_KEPT_JOBS = 100
_LAST_WORDS = 2000
_SPARE_BYTES = 256 << 20
"""Of the disk, left free beside an upload: its recording needs room, too."""


class ImportRefused(Exception):  # noqa: N818 -- an answer, not a fault
    """A file cannot be taken now; `status` is that of the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class Job:
    """One file on its way to becoming a recording."""

    id: int
    name: str
    file_bytes: int
    state: State = "running"
    calls: int = 0
    bytes_read: int | None = None
    summary: dict[str, Any] | None = None
    problem: str | None = None
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    is_cancelled: bool = False


class ImportJobs:
    """Takes uploads and watches over the importing process."""

    def __init__(self, database: Path, limit_bytes: int) -> None:
        self._database = database.absolute()
        self._limit = limit_bytes
        self._folder = self._database.parent
        self._jobs: dict[int, Job] = {}
        self._is_receiving = False
        self._remove_left_behind()

    def _remove_left_behind(self) -> None:
        """Uploads of a server that died."""
        for folder in self._folder.glob(f"{_PREFIX}*"):
            pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(folder, ignore_errors=True)

    def job(self, number: int) -> Job | None:
        return self._jobs.get(number)

    async def receive(
        self, name: str, length: int | None, chunks: AsyncIterator[bytes], format_name: str
    ) -> Job:
        """Keep what is sent and begin to import it. Raises ImportRefused."""
        self._check(length)
        number = max(self._jobs, default=0) + 1
        folder = self._folder / f"{_PREFIX}{os.getpid()}-{number}"
        path = folder / (Path(name).name or "upload")
        self._is_receiving = True
        try:
            folder.mkdir()
            size = await self._write(path, chunks)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise ImportRefused(507, f"the file cannot be kept: {error.strerror}") from error
            raise
        finally:
            self._is_receiving = False
        job = self._jobs[number] = Job(number, path.name, size)
        for old in sorted(self._jobs)[:-_KEPT_JOBS]:
            del self._jobs[old]
        job.task = asyncio.create_task(self._run(job, path, format_name))
        return job

    def _check(self, length: int | None) -> None:
        if self._is_receiving or any(job.state == "running" for job in self._jobs.values()):
            raise ImportRefused(409, "another file is being imported; wait for it or cancel it")
        if length is None:
            return
        if length > self._limit:
            raise ImportRefused(413, self._too_large())
        free = shutil.disk_usage(self._folder).free
        if length + _SPARE_BYTES > free:
            raise ImportRefused(507, f"the server's disk has {free >> 20:,} MiB left")

    def _too_large(self) -> str:
        return (
            f"the limit is {self._limit >> 20:,} MiB; larger files are imported by "
            "`gmemscope import` on the server"
        )

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> int:
        size = 0
        with path.open("wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > self._limit:
                    raise ImportRefused(413, self._too_large())
                await asyncio.to_thread(file.write, chunk)
        return size

    async def _run(self, job: Job, path: Path, format_name: str) -> None:
        try:
            job.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app.cli", "import", str(path), "--watched", "--json"),
                *("--format", format_name, "--database", str(self._database)),
                cwd=Path(__file__).parents[2],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            if job.is_cancelled:
                job.process.terminate()
            assert job.process.stdout is not None
            assert job.process.stderr is not None
            printed, said = await asyncio.gather(
                job.process.stdout.read(), _follow(job, job.process.stderr)
            )
            status = await job.process.wait()
            _conclude(job, status, printed, said)
        except OSError as error:
            job.state, job.problem = "failed", f"the import cannot be started: {error.strerror}"
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)

    async def cancel(self, job: Job) -> None:
        """End it; nothing of it is kept. Returns when it has ended."""
        if job.state != "running":
            return
        job.is_cancelled = True
        if job.process is not None and job.process.returncode is None:
            job.process.terminate()
        if job.task is not None:
            await asyncio.shield(job.task)

    async def close(self) -> None:
        """The server ends: nothing half done stays behind."""
        for job in list(self._jobs.values()):
            await self.cancel(job)


async def _follow(job: Job, stream: asyncio.StreamReader) -> str:
    """Take progress from the process's JSON lines; returns the end of what else it said."""
    said = ""
    async for line in stream:
        text = line.decode(errors="replace")
        if text.startswith("{"):
            progress = json.loads(text)
            job.calls, job.bytes_read = progress["calls"], progress["bytes_read"]
        else:
            said = (said + text)[-_LAST_WORDS:]
    return said


def _conclude(job: Job, status: int, printed: bytes, said: str) -> None:
    words = [line.removeprefix("gmemscope: ") for line in said.strip().splitlines()]
    job.summary = json.loads(printed) if printed.strip() else None
    if job.is_cancelled and job.summary is None:
        job.state = "cancelled"
        return
    job.state = "done" if job.summary is not None else "failed"
    if status != 0:
        job.problem = words[-1] if words else f"the import ended with status {status}"
