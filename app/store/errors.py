"""What the store says when it cannot do what was asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError


class StoreError(Exception):
    """The database cannot be used as asked; the message says why and what to do."""


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


class Conflict(StoreError):  # noqa: N818 -- an answer, not a fault
    """What was to be changed is not what it was when it was read."""


_DAMAGED = "the database file is damaged; `gmemscope check` lists all damage"
_EXPLANATIONS = {
    "disk is full": "the disk is full; what was committed before is kept",
    "database is locked": "another process holds the database locked",
    "readonly database": "the database may not be written",
    "unable to open": "the file cannot be opened or created",
    "not a database": "the file is not a database",
    "malformed": _DAMAGED,
    "decode to UTF-8": _DAMAGED,
    "disk I/O error": "the disk reported an input/output error",
}


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn the database driver's errors into StoreError, said in the user's words."""
    try:
        yield
    except DBAPIError as error:
        text = str(error.orig)
        reasons = [reason for sign, reason in _EXPLANATIONS.items() if sign in text]
        raise StoreError(f"{name}: {reasons[0] if reasons else text}") from error
