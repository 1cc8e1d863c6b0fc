"""What the store raises when it cannot do what was asked."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError


class StoreError(Exception):
    """The database cannot be used as asked; the message names why and what to do."""


class NotWritable(StoreError):  # noqa: N818 -- a state, not a fault
    """The database cannot be written here, or not now: it may be read nevertheless."""


class WriterBusy(StoreError):  # noqa: N818 -- a state, not a fault
    """Another process holds the database's writer lock."""

    def __init__(self, name: str, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{name} is being written by {holder}; wait until it ends or use another --database"
        )
        self.pid = pid


class NotFound(StoreError):  # noqa: N818 -- an answer, not a fault
    """No such recording, VM or note."""


class NotKept(StoreError):  # noqa: N818 -- an answer, not a fault
    """The events that were asked for are no longer kept (app.store.retention)."""


class Conflict(StoreError):  # noqa: N818 -- an answer, not a fault
    """What was to be changed is not what it was when it was read."""


class CannotGoOn(StoreError):  # noqa: N818 -- an answer, not a fault
    """No recording can be gone on with; the message is why."""


_FULL = "the disk is full; what was committed before is kept"
_READ_ONLY = "the database may not be written"
_NOT_WRITABLE = {
    "disk is full": _FULL,
    "readonly database": _READ_ONLY,
    "unable to open": "the file cannot be opened or created",
    "disk I/O error": "the disk reported an input/output error",
}
_DAMAGED = "the database file is damaged; `gmemscope check` lists all damage"
_EXPLANATIONS = {
    "database is locked": "another process holds the database locked",
    "not a database": "the file is not a database",
    "malformed": _DAMAGED,
    "decode to UTF-8": _DAMAGED,
}
_ERRNOS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the disk quota is used up; what was committed before is kept",
    errno.EFBIG: "the file may not grow further (ulimit -f); what was committed before is kept",
    errno.EROFS: f"{_READ_ONLY}: it lies on a read-only file system",
    errno.EACCES: f"{_READ_ONLY}: this user has no permission to",
    errno.EPERM: f"{_READ_ONLY}: this user has no permission to",
}


def _is_full(name: str) -> bool:
    """Whether the disk of a file is full: SQLite calls that an input/output error at times."""
    try:
        return os.statvfs(Path(name).parent).f_bavail == 0
    except OSError:
        return False


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn errors of the database's driver, and of the files beside it, into StoreError, in
    the user's words."""
    try:
        yield
    except DBAPIError as error:
        text = str(error.orig)
        for sign, reason in _NOT_WRITABLE.items():
            if sign in text:
                reason = _FULL if _is_full(name) else reason
                raise NotWritable(f"{name}: {reason}") from error
        reasons = [reason for sign, reason in _EXPLANATIONS.items() if sign in text]
        raise StoreError(f"{name}: {reasons[0] if reasons else text}") from error
    except UnicodeDecodeError as error:  # of SQLite's own words about a schema that is damaged
        raise StoreError(f"{name}: {_DAMAGED}") from error
    except OSError as error:
        reason = _ERRNOS.get(error.errno or 0, error.strerror or str(error))
        raise NotWritable(f"{name}: {reason}") from error
