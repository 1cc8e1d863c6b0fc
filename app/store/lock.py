"""One writer per database: an advisory lock that the kernel lets go when its holder dies."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from app.store.errors import WriterBusy
from app.store.location import database_path

PATIENCE_S = 2.0
"""Opening a database holds the lock for a moment; a writer outwaits that before it gives up."""
_POLL_S = 0.02


class WriterLock:
    """Held from entering to leaving. The lock file stays: removing it would race with others."""

    def __init__(self, engine: Engine, patience_s: float = PATIENCE_S) -> None:
        self._path = lock_path(engine)
        self._name = str(engine.url.database)
        self._patience_s = patience_s
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Raises WriterBusy, naming the holder's process, when patience ends."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + self._patience_s
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                holder = _holder(descriptor)
                os.close(descriptor)
                raise WriterBusy(self._name, holder)
            time.sleep(_POLL_S)
        os.ftruncate(descriptor, 0)
        self._descriptor = descriptor
        self._sign()
        return self

    def _sign(self) -> None:
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def mark(self) -> None:
        """Leave the time at which the holder stored something. That of the database's files would
        not tell: others write notes into them."""
        with suppress(OSError):  # what was stored is stored
            self._sign()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def is_held_by(engine: Engine, process: int | None) -> bool:
    """Whether this process holds the writer lock now, as far as can be told: a holder is not named
    in the moment after it took the lock. Databases without such locks are taken at their word."""
    if engine.dialect.name != "sqlite":
        return True
    try:
        descriptor = os.open(lock_path(engine), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH) and _holder(descriptor) in (None, process)
    finally:
        os.close(descriptor)


def lock_path(engine: Engine) -> Path:
    """The lock file; its time of change is when its holder committed last (WriterLock.mark)."""
    path = database_path(engine)
    return path.with_name(f"{path.name}.lock")


def _try_lock(descriptor: int, mode: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None
