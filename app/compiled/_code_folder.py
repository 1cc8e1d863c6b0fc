"""Where compiled code is kept: in a folder for each state of the sources that hold or feed a loop.

numba compares the source of a kept function with the file that holds it. But the code contains
whatever the function calls, every number and the layout of every row that it knows by a name,
wherever these were imported from. So the folder is named by a digest over all such sources.
"""

import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from app.code_home import home_of_code

ROOT = str(Path(__file__).parents[2])
FEEDING = ("app/code_home", "app/compiled", "app/model", "app/store", "collector")
"""Every module that holds hot loops is in one of these, and whatever it imports of ours."""

_KEPT_STATES = 4
"""Of the sources. Other checkouts and releases may share the user's cache."""
_started = time.time()
_given_up = False


def code_folder() -> Path | None:
    """The folder of this process, made if need be; None where no code can be kept."""
    return None if _given_up else _folder()


def give_up(is_damaged: bool) -> None:
    """Keep no code from now on, as the folder cannot be read or written."""
    global _given_up
    folder = code_folder()
    _given_up = True
    if is_damaged and folder is not None:
        shutil.rmtree(folder, ignore_errors=True)  # the next process begins it anew


@cache
def _folder() -> Path | None:
    digest = _digest_of_sources()
    if digest is None:
        return None
    home = home_of_code()
    folder = home / f"loops-{digest[:16]}"
    is_new = not folder.exists()
    if not _make(folder):
        return None
    os.utime(folder)
    if is_new:
        _remove_old(home)
    return folder


def _make(folder: Path) -> bool:
    """Whether code can be kept there; the folder is made if need be."""
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        return is_trusted(folder) and os.access(folder, os.W_OK, effective_ids=True)
    except OSError:
        return False


def is_trusted(folder: Path) -> bool:
    """Nobody else can put code there: a folder of ours or of whom the sources belong to."""
    owners = os.geteuid(), Path(__file__).stat().st_uid
    kept = folder.stat()
    return kept.st_uid in owners and not kept.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _remove_old(home: Path) -> None:
    """All but those that were used last."""
    folders = sorted(home.glob("loops-*"), key=lambda folder: folder.stat().st_mtime)
    for folder in folders[:-_KEPT_STATES]:
        shutil.rmtree(folder, ignore_errors=True)


def _digest_of_sources() -> str | None:
    """None if a source changed after this process began, which may have loaded it before that."""
    import llvmlite
    import numba

    digest = hashlib.sha256(f"numba {numba.__version__} llvmlite {llvmlite.__version__}".encode())
    digest.update(os.environ.get("NUMBA_BOUNDSCHECK", "0").encode())
    for source in sources():
        with open(source, "rb", buffering=0) as file:  # noqa: PTH123 -- a third of Path's time
            changed, content = os.fstat(file.fileno()).st_mtime, file.read()
        if _started < changed <= time.time():
            return None
        digest.update(f"\0{source[len(ROOT) :]} {len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def sources() -> Iterator[str]:
    for package in FEEDING:
        for folder, folders, files in os.walk(f"{ROOT}/{package}"):
            folders.sort()
            yield from (f"{folder}/{file}" for file in sorted(files) if file.endswith(".py"))
