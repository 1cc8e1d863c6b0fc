"""Files that a command writes on request (`-o FILE`): never through others' links."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.errors import CommandError


@contextmanager
def opened_output(output: Path) -> Iterator[BinaryIO]:
    """The file, emptied; what root writes into a user's folder is that user's. Raises CommandError
    if it cannot be written, or is where others could have laid something in its place."""
    from app.store.errors import StoreError

    try:
        with os.fdopen(_open(output), "wb") as target:
            yield target
    except StoreError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{output}: {error.strerror}") from error


def _open(output: Path) -> int:
    from app.store.database import acting_as, find_place

    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    if output.absolute().parts[1:2] in (("dev",), ("proc",)):
        return os.open(output, flags)  # /dev/stdout: links of the kernel's, which lead nowhere else
    place = find_place(output)
    with acting_as(place.owner):
        descriptor = os.open(place.path, flags | os.O_NOFOLLOW, 0o666)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            owner = 0 if place.owner is None else place.owner.uid
            if os.geteuid() == 0 and (found.st_nlink > 1 or found.st_uid not in (0, owner)):
                raise CommandError(f"{output}: another user's file, or under another name too")
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
