"""What is wrong with a foreign file, in words for the person who has it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """A foreign file is not what it should be. Names where, why, and what was kept."""

    def __init__(self, path: Path, offset: int | None, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.offset = offset
        self.reason = reason

    def __str__(self) -> str:
        where = "" if self.offset is None else f" at offset {self.offset:#x}"
        return f"{shown_name(self.path)}{where}: {self.reason}"


def shown_name(path: Path) -> str:
    """A file's name as it can be stored and printed: a name on Linux is any bytes but / and NUL."""
    text = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn the system's refusal to let us read into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(path, None, error.strerror or str(error)) from error
