"""One writer per database: an advisory lock that the kernel lets go when its holder dies.

The file holds the process that writes and, once that failed to store why its recording ended, the
reason: its room is taken when it is made, so that a disk which became full does not matter.
"""

import fcntl
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from app.store.database._location import place_of
from app.store.database._place import DEFAULT_MODE, Place, acting_as
from app.store.errors import StoreError, WriterBusy, explained

PATIENCE_S = 2.0
"""Opening a database holds the lock for a moment; a writer outwaits that before it gives up."""
_POLL_S = 0.02
_PID_BYTES = 32
_WORD_BYTES = 480


class WriterLock:
    """Held from entering to leaving. The lock file stays: removing it would race with others."""

    def __init__(self, engine: Engine, patience_s: float = PATIENCE_S) -> None:
        self._place = place_of(engine)
        self._patience_s = patience_s
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Raises WriterBusy, naming the holder's process, when patience ends, and StoreError."""
        name = str(self._place.path)
        with explained(name):
            descriptor = _open(self._place, os.O_RDWR)
        deadline = time.monotonic() + self._patience_s
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                holder = _holder(descriptor)
                os.close(descriptor)
                raise WriterBusy(name, holder)
            time.sleep(_POLL_S)
        self._descriptor = descriptor
        try:
            with explained(name):
                if os.fstat(descriptor).st_size < _PID_BYTES + _WORD_BYTES:
                    self._write("", _PID_BYTES, _WORD_BYTES)
                self._sign()
        except BaseException:
            os.close(descriptor)
            raise
        return self

    @property
    def left_word(self) -> str | None:
        """Why a recording ended that could not store it."""
        return _word(self._descriptor)

    def leave_word(self, reason: str | None) -> None:
        """For whoever opens the database next, if nothing can be stored in it now."""
        with suppress(OSError):
            self._write(reason or "", _PID_BYTES, _WORD_BYTES)

    def _sign(self) -> None:
        self._write(str(os.getpid()), 0, _PID_BYTES)

    def _write(self, text: str, at: int, room: int) -> None:
        line = text.encode()[: room - 1].decode(errors="ignore").encode()
        os.pwrite(self._descriptor, line.ljust(room - 1) + b"\n", at)

    def mark(self) -> None:
        """Leave the time at which the holder stored something. That of the database's files would
        not show it: others write notes into them."""
        with suppress(OSError):  # what was stored is stored
            self._sign()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._write("", 0, _PID_BYTES)
        os.close(self._descriptor)


def is_held_by(engine: Engine, process: int | None) -> bool:
    """Whether this process holds the writer lock now, as far as is known: a holder is not named
    in the moment after it took the lock. Databases without such locks, and locks that this user may
    not look at, are taken at their word."""
    if engine.dialect.name != "sqlite":
        return True
    try:
        descriptor = _open(place_of(engine), os.O_RDONLY)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH) and _holder(descriptor) in (None, process)
    finally:
        os.close(descriptor)


def left_word(engine: Engine) -> str | None:
    """As WriterLock.left_word, for those that only read."""
    try:
        descriptor = _open(place_of(engine), os.O_RDONLY)
    except (OSError, StoreError):
        return None
    try:
        return _word(descriptor)
    finally:
        os.close(descriptor)


def lock_path(engine: Engine) -> Path:
    """The lock file; its time of change is when its holder committed last (WriterLock.mark)."""
    return place_of(engine).sibling(".lock")


def _open(place: Place, access: int) -> int:
    """A file, never a link or a pipe. Raises OSError, and StoreError."""
    path = place.sibling(".lock")
    create = os.O_CREAT if access == os.O_RDWR else 0
    flags = access | create | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with acting_as(place.owner):
        mode = stat.S_IMODE(place.path.stat().st_mode) if place.path.exists() else DEFAULT_MODE
        descriptor = os.open(path, flags, mode & 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StoreError(f"{path}: is no file; it is not written")
    return descriptor


def _try_lock(descriptor: int, mode: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, _PID_BYTES, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None


def _word(descriptor: int) -> str | None:
    text = os.pread(descriptor, _WORD_BYTES, _PID_BYTES).decode("utf-8", "replace").strip()
    return text.strip("\0") or None
