"""A foreign file read at given offsets, and a cursor that never reads past what it was given."""

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from collector.trace.errors import InputError

MOST_STRING = 1 << 12
"""Bytes of a string that a zero ends: names of files, systems, buffers, clocks."""
MOST_TAKEN = 1 << 26
"""Bytes that are read at once: no text of a trace.dat, of whatever kind, is larger."""


class BytesFile:
    """A file opened for positioned reads. Every shortfall is an InputError with its offset."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise InputError(path, None, f"cannot be opened: {error.strerror}") from error
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise InputError(path, None, "this is not a regular file")
        self.size = status.st_size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes. Raises InputError if the file ends before."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise InputError(
                self.path,
                self.size,
                f"the file ends here, but {length} bytes were expected at {offset:#x}: "
                "it is truncated or damaged",
            )
        if length > MOST_TAKEN:
            reason = f"{length} bytes in one piece: the file is damaged"
            raise InputError(self.path, offset, reason)
        try:
            content = os.pread(self._fd, length, offset)
        except OSError as error:
            raise InputError(self.path, offset, f"cannot be read: {error.strerror}") from error
        if len(content) != length:
            raise InputError(self.path, offset, "the file became shorter while it was read")
        return content

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Cursor:
    """Reads little-endian numbers and strings one after another out of a block of bytes.

    `origin` is the block's place in the file, so that errors can name an offset; in a compressed
    block it is the place of the block itself.
    """

    def __init__(self, path: Path, content: bytes, origin: int, *, is_compressed: bool) -> None:
        self.path = path
        self._content = content
        self._origin = origin
        self._is_compressed = is_compressed
        self.position = 0

    @property
    def offset(self) -> int:
        return self._origin if self._is_compressed else self._origin + self.position

    @property
    def left(self) -> int:
        return len(self._content) - self.position

    def take(self, length: int) -> bytes:
        if length > self.left:
            raise self.error(f"{length} bytes expected, only {self.left} are there")
        taken = self._content[self.position : self.position + length]
        self.position += length
        return taken

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def string(self) -> str:
        end = self._content.find(b"\0", self.position)
        if end < 0:
            raise self.error("a string has no end")
        return text_of(self.take(end + 1 - self.position)[:-1])

    def expect(self, token: bytes) -> None:
        if self.take(len(token)) != token:
            raise self.error(f"{text_of(token.rstrip(bytes(1)))!r} expected here")

    def error(self, reason: str) -> InputError:
        return InputError(self.path, self.offset, reason)


def text_of(content: bytes) -> str:
    """Kernel text as a string: whatever is not UTF-8 stays visible but harms nothing."""
    return content.decode("utf-8", "backslashreplace")
