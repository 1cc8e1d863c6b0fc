"""Files that root makes in a user's folder are that user's, who is to look at them without root."""

import os
from pathlib import Path


def make_for_owner(database: str | None) -> None:
    """Make a database that is to be, and its lock, the files of the owner of their folder.

    SQLite gives what it makes beside a database to the owner of the database, if root runs it.
    """
    if os.geteuid() != 0 or database is None or "://" in database:
        return
    path = Path(database).expanduser().absolute()
    if path.exists() or not path.parent.is_dir():
        return
    owner = path.parent.stat()
    if owner.st_uid == 0:
        return
    for file in (path, path.with_name(f"{path.name}.lock")):
        _make(file, owner.st_uid, owner.st_gid)


def _make(file: Path, uid: int, gid: int) -> None:
    # Whoever owns the folder could have put a link there: it is not followed.
    flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY | os.O_CLOEXEC
    try:
        descriptor = os.open(file, flags, 0o644)
    except FileExistsError:
        return
    os.fchown(descriptor, uid, gid)
    os.close(descriptor)
