"""Where a database lies, and with whose rights its files are opened.

A path is followed through links only where nobody but root and this user could have put them. Root
opens what lies in another user's folder with that user's rights: whatever they put in the way of a
file that is opened by its name, they gain nothing that they had not.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.store.errors import StoreError

MOST_LINKS = 40  # as Linux (MAXSYMLINKS)
SIBLINGS = ("", "-wal", "-shm", "-journal", ".lock")
"""What the names of a database's files end in."""
DEFAULT_MODE = 0o600
MODE_VARIABLE = "GMEMSCOPE_DATABASE_MODE"
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Owner:
    """A user whose rights are used in their folder."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """A file by its path without links. `owner`: None: this process's own rights do."""

    path: Path
    owner: Owner | None

    def sibling(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)


def find_place(path: Path) -> Place:
    """Raises StoreError where others could lead a file's name elsewhere."""
    resolved = _without_links(path.expanduser().absolute())
    return Place(resolved, _owner_of(_nearest_folder(resolved)))


def check_files(place: Place) -> None:
    """Raises StoreError if a file of a database is none, or could be somebody's other file too."""
    for ending in SIBLINGS:
        path = place.sibling(ending)
        with acting_as(place.owner):
            try:
                found = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise StoreError(f"{path}: {error.strerror}") from error
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"{path}: is no file, but {_kind(found.st_mode)}; it is not opened")
        if os.geteuid() == 0:
            _check_owner(place, ending, found)


def _check_owner(place: Place, ending: str, found: os.stat_result) -> None:
    path = place.sibling(ending)
    if found.st_nlink > 1:
        raise StoreError(f"{path}: has another name, too; root does not open it")
    if ending and found.st_uid not in _owners_of_siblings(place):
        raise StoreError(f"{path}: belongs to user {found.st_uid}; root does not open it")
    is_planted = place.owner is None and found.st_uid != 0 and _is_open(path.parent.stat())
    if is_planted:
        raise StoreError(
            f"{path}: belongs to user {found.st_uid}, and others may make files beside it; "
            "root does not open it"
        )


def _owners_of_siblings(place: Place) -> set[int]:
    """SQLite gives the files that root makes beside a database to the database's owner. Where only
    root can make files, nobody else can have put them there."""
    if place.owner is not None:
        return {place.owner.uid}
    if _is_open(place.path.parent.stat()) or not place.path.exists():
        return {0}
    return {0, place.path.stat().st_uid}


def make_file(place: Place) -> None:
    """Make an empty database file, if there is none. Raises OSError if it cannot be made, or cannot
    be written, and StoreError."""
    mode = new_mode()
    flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_RDWR | os.O_CLOEXEC
    with acting_as(place.owner):
        try:
            descriptor = os.open(place.path, flags, mode)
        except FileExistsError:
            _require_writable(place.path)
            return
        try:
            if mode & 0o060:
                os.fchown(descriptor, -1, place.path.parent.stat().st_gid)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


def _require_writable(path: Path) -> None:
    """SQLite would report only that it cannot open something."""
    os.close(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def new_mode() -> int:
    """That of new databases: their owner's alone, or the group's of their folder as well."""
    text = os.environ.get(MODE_VARIABLE)
    if not text:
        return DEFAULT_MODE
    if text.lstrip("0") not in ("600", "640", "660"):
        raise StoreError(f"{MODE_VARIABLE}={text}: it is 0600, 0640 or 0660")
    return int(text, 8)


@contextmanager
def acting_as(owner: Owner | None) -> Iterator[None]:
    """What this thread opens meanwhile, it opens with a user's rights (setfsuid(2))."""
    if owner is None:
        yield
        return
    _leave_groups()
    before = Owner(_LIBC.setfsuid(-1), _LIBC.setfsgid(-1))
    _LIBC.setfsgid(owner.gid)
    _LIBC.setfsuid(owner.uid)
    try:
        if _LIBC.setfsuid(-1) != owner.uid:
            raise StoreError(f"this process may not act as user {owner.uid}, whose folder it is")
        yield
    finally:
        _LIBC.setfsuid(before.uid)
        _LIBC.setfsgid(before.gid)


def _leave_groups() -> None:
    """For good: those of root's, beside its own, may open what a folder's owner may not."""
    if os.getgroups():
        try:
            os.setgroups([])
        except PermissionError as error:
            raise StoreError("this process may not leave its groups to act as a user") from error


def stay_able_to_act_as(owner: Owner | None) -> None:
    """Before capabilities are given up: a saved user id may be acted as without any."""
    if owner is not None:
        _leave_groups()
        os.setresgid(-1, -1, owner.gid)
        os.setresuid(-1, -1, owner.uid)


def _without_links(path: Path) -> Path:
    done, todo, links = Path("/"), list(reversed(path.parts[1:])), 0
    while todo:
        name = todo.pop()
        if name == "..":
            done = done.parent
            continue
        here = done / name
        try:
            found = here.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return here.joinpath(*reversed(todo))
        except OSError as error:
            raise StoreError(f"{here}: {error.strerror}") from error
        if not stat.S_ISLNK(found.st_mode):
            done = here
            continue
        links += 1
        if links > MOST_LINKS or not _may_follow(done.stat(), found):
            raise StoreError(
                f"{here}: is a link that user {found.st_uid} or others could have put there; "
                "name what it leads to"
            )
        target = here.readlink()
        if target.is_absolute():
            done = Path("/")
        todo += reversed(target.parts[1 if target.is_absolute() else 0 :])
    return done


def _may_follow(folder: os.stat_result, link: os.stat_result) -> bool:
    """Could only root, or this user, have made a link in a folder, or replace it?"""
    trusted = (0, os.geteuid())
    is_fixed = not _is_open(folder) or bool(folder.st_mode & stat.S_ISVTX)
    return link.st_uid in trusted and folder.st_uid in trusted and is_fixed


def _is_open(folder: os.stat_result) -> bool:
    """May others than its owner, and the group that is theirs, change what is in it?"""
    is_groups = bool(folder.st_mode & stat.S_IWGRP) and folder.st_gid not in (0, os.getegid())
    return is_groups or bool(folder.st_mode & stat.S_IWOTH)


def _nearest_folder(path: Path) -> Path:
    """The folder of a file, or the one in which it is to be made."""
    return next(folder for folder in path.parents if folder.is_dir())


def _owner_of(folder: Path) -> Owner | None:
    """Whose rights are to be used in a folder. Raises StoreError if it is anybody's."""
    if os.geteuid() != 0:
        return None
    found = folder.stat()
    for part in (folder, *folder.parents):
        above = part.stat()
        is_sticky = bool(above.st_mode & stat.S_ISVTX)
        if above.st_uid not in (0, found.st_uid) or (_is_anybodys(above) and not is_sticky):
            raise StoreError(
                f"{part}: others than user {found.st_uid} may change what is in it; "
                "root does not write there: use another folder, or not root"
            )
    return None if found.st_uid == 0 else Owner(found.st_uid, found.st_gid)


def _is_anybodys(folder: os.stat_result) -> bool:
    if folder.st_uid != 0:
        return bool(folder.st_mode & stat.S_IWOTH)  # root has that user's rights, no more
    return _is_open(folder)


def _kind(mode: int) -> str:
    kinds = {stat.S_ISLNK: "a link", stat.S_ISFIFO: "a FIFO", stat.S_ISDIR: "a folder"}
    return next((name for is_kind, name in kinds.items() if is_kind(mode)), "a device or a socket")
