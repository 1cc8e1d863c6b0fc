"""Files that a browser sends: received at the same time, imported one after another."""

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from starlette.requests import ClientDisconnect

from app.importing._child import ImportChild, Outcome
from app.store.database import acting_as, find_place

State = Literal["receiving", "waiting", "running", "done", "failed", "cancelled"]
UNDER_WAY: tuple[State, ...] = ("receiving", "waiting", "running")
_PREFIX = ".gmemscope-import-"
_KEPT_JOBS = 100
_MOST_RECEIVED = 8
"""At the same time; each takes a connection and a part of the disk's time."""
_MOST_WAITING = 100
_SPARE_BYTES = 256 << 20
"""Of the disk, left free beside uploads: their recordings need room, too."""


class ImportRefused(Exception):  # noqa: N818 -- an answer, not a fault
    """A file cannot be taken now; `status` is that of the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """What one import may take."""

    upload_bytes: int
    idle_s: float  # without a byte, while it is sent
    memory_bytes: int  # here and below, 0: any
    cpu_s: int
    output_bytes: int

    def child_options(self) -> tuple[str, ...]:
        """Of `gmemscope import`."""
        limits = (self.memory_bytes, self.cpu_s, self.output_bytes)
        names = ("--memory-limit", "--cpu-limit", "--output-limit")
        return tuple(word for pair in zip(names, map(str, limits), strict=True) for word in pair)


@dataclass(eq=False, slots=True)
class Job:
    """One file on its way to becoming a recording."""

    id: int
    name: str
    state: State = "receiving"
    file_bytes: int = 0  # as announced, then as received
    received_bytes: int = 0
    calls: int = 0
    bytes_read: int | None = None
    summary: dict[str, Any] | None = None
    problem: str | None = None
    turn: int = 0  # its place among all that were received
    is_cancelled: bool = False
    child: ImportChild | None = field(default=None, repr=False)
    ending: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    over: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def end(self, state: State, problem: str | None = None) -> None:
        self.state, self.problem = state, problem
        self.over.set()


class ImportJobs:
    """Takes uploads, lets them queue, and watches over the process that imports."""

    def __init__(self, database: Path, limits: ImportLimits) -> None:
        self._database = database.absolute()
        self._limits = limits
        self._folder = self._database.parent
        self._owner = find_place(self._database).owner
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self._turns = itertools.count()
        self._turn = asyncio.Lock()  # which is fair: first come, first served
        self._tasks: set[asyncio.Task[None]] = set()
        self._remove_left_behind()

    def _remove_left_behind(self) -> None:
        """Uploads of a server that died."""
        for folder in self._folder.glob(f"{_PREFIX}*"):
            pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(folder, ignore_errors=True)

    def job(self, number: int) -> Job | None:
        return self._jobs.get(number)

    def jobs(self) -> list[Job]:
        """The latest, those under way among them, in the order in which they came."""
        return list(self._jobs.values())

    def place(self, job: Job) -> int | None:
        """How many are imported before it; None if it does not wait. Those that were received first
        come first, whichever were begun first."""
        if job.state != "waiting":
            return None
        return sum(one.turn < job.turn for one in self._in("waiting", "running"))

    def _in(self, *states: State) -> Iterator[Job]:
        return (job for job in self._jobs.values() if job.state in states)

    async def receive(
        self, name: str, length: int | None, chunks: AsyncIterator[bytes], format_name: str
    ) -> Job:
        """Keep what is sent and let it queue. Raises ImportRefused."""
        self._check(length)
        job = Job(next(self._numbers), Path(name).name or "upload", file_bytes=length or 0)
        self._remember(job)
        folder = self._folder / f"{_PREFIX}{os.getpid()}-{job.id}"
        try:
            with acting_as(self._owner):
                folder.mkdir(0o700)
            await self._write(job, folder / job.name, chunks)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            refused = _why_not_received(job, error)
            job.end("cancelled" if job.is_cancelled else "failed", str(refused or "") or None)
            if refused is None:
                raise
            raise refused from error
        job.file_bytes, job.state, job.turn = job.received_bytes, "waiting", next(self._turns)
        task = asyncio.create_task(self._import(job, folder / job.name, format_name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def _remember(self, job: Job) -> None:
        self._jobs[job.id] = job
        ended = [one.id for one in self._jobs.values() if one.state not in UNDER_WAY]
        for old in ended[: max(0, len(self._jobs) - _KEPT_JOBS)]:
            del self._jobs[old]

    def _check(self, length: int | None) -> None:
        if len(list(self._in("receiving"))) >= _MOST_RECEIVED:
            raise ImportRefused(503, f"{_MOST_RECEIVED} files are being sent: wait for one of them")
        if len(list(self._in("waiting"))) >= _MOST_WAITING:
            raise ImportRefused(503, f"{_MOST_WAITING} files wait to be imported: wait for some")
        if length is None:
            return
        if length > self._limits.upload_bytes:
            raise ImportRefused(413, self._too_large())
        promised = sum(job.file_bytes - job.received_bytes for job in self._in("receiving"))
        free = shutil.disk_usage(self._folder).free - max(promised, 0)
        if length + _SPARE_BYTES > free:
            raise ImportRefused(507, f"the server's disk has {max(free, 0) >> 20:,} MiB left")

    def _too_large(self) -> str:
        return (
            f"the limit is {self._limits.upload_bytes >> 20:,} MiB; larger files are imported by "
            "`gmemscope import` on the server"
        )

    async def _write(self, job: Job, path: Path, chunks: AsyncIterator[bytes]) -> None:
        with acting_as(self._owner):
            file = path.open("xb")
        with file:
            while (chunk := await self._next(job, chunks)) is not None:
                job.received_bytes += len(chunk)
                if job.received_bytes > self._limits.upload_bytes:
                    raise ImportRefused(413, self._too_large())
                await asyncio.to_thread(file.write, chunk)

    async def _next(self, job: Job, chunks: AsyncIterator[bytes]) -> bytes | None:
        """None after the last. A sender that stalls keeps neither us nor who cancels waiting."""
        chunk = asyncio.ensure_future(anext(chunks, None))
        ending = asyncio.ensure_future(job.ending.wait())
        try:
            await asyncio.wait(
                (chunk, ending),
                timeout=self._limits.idle_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if job.is_cancelled:
                raise ImportRefused(409, "the import was cancelled")
            if not chunk.done():
                raise ImportRefused(408, f"nothing was sent for {self._limits.idle_s:g} s")
            return chunk.result()
        finally:
            for waiting in (chunk, ending):
                waiting.cancel()

    async def _import(self, job: Job, path: Path, format_name: str) -> None:
        try:
            async with self._turn:
                if not job.is_cancelled:
                    await self._run(job, path, format_name)
        except OSError as error:
            job.end("failed", f"the import cannot be started: {error.strerror}")
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)
            if not job.over.is_set():
                job.end("cancelled" if job.is_cancelled else "failed")

    async def _run(self, job: Job, path: Path, format_name: str) -> None:
        def progressed(calls: int, bytes_read: int | None) -> None:
            job.calls, job.bytes_read = calls, bytes_read

        job.state = "running"
        job.child = ImportChild(self._database, self._limits.child_options())
        outcome = await job.child.run(path, format_name, progressed)
        job.summary = outcome.summary
        job.end(_state_of(job, outcome), outcome.problem)

    async def cancel(self, job: Job) -> None:
        """End it, whatever it is at; nothing of it is kept. Returns when it has ended."""
        if job.state not in UNDER_WAY:
            return
        job.is_cancelled = True
        job.ending.set()
        if job.state == "waiting":  # it need not wait for its turn to end
            job.end("cancelled")
        if job.child is not None:
            await job.child.cancel()
        await job.over.wait()

    async def close(self) -> None:
        """The server ends: nothing half done stays behind."""
        await asyncio.gather(*(self.cancel(job) for job in list(self._in(*UNDER_WAY))))
        await asyncio.gather(*self._tasks)


def _state_of(job: Job, outcome: Outcome) -> State:
    if outcome.summary is not None:
        return "done"
    return "cancelled" if job.is_cancelled else "failed"


def _why_not_received(job: Job, error: BaseException) -> ImportRefused | None:
    """None: by a fault of ours, or because the server ends."""
    if isinstance(error, ImportRefused):
        return error
    if isinstance(error, OSError):
        return ImportRefused(507, f"the file cannot be kept: {error.strerror}")
    if isinstance(error, ClientDisconnect):
        return ImportRefused(400, f"the sender was gone after {job.received_bytes:,} bytes")
    return None
