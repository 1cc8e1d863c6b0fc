"""Compressed blocks of a trace.dat, undone one at a time, and never to more than they claim."""

import zlib
from collections.abc import Callable

import zstandard

from collector.trace.errors import InputError
from collector.trace.tracedat._bytes_file import BytesFile

_ANY_SIZE = 1 << 16
_MOST_RATIO = 1 << 10
"""A block may claim this much, and so many times what it takes in the file: zeros, which compress
best, are the rest of each page, but no page without an event is recorded."""


class BlockReader:
    """Reads blocks compressed as the file's head names it: "zstd", "zlib", or "none" for no
    such."""

    def __init__(self, file: BytesFile, compression: str, named_at: int) -> None:
        self.file = file
        undo = _DECOMPRESSORS.get(compression)
        if undo is None:
            raise InputError(
                file.path,
                named_at,
                f"compressed with {compression!r}, which is not supported; rewrite it with "
                "`trace-cmd convert --compression none`",
            )
        self._undo = undo()

    def read(self, offset: int, packed: int, unpacked: int) -> bytes:
        """The content of a block of `packed` bytes at `offset`; raises InputError unless it is
        exactly `unpacked` bytes."""
        if unpacked > _ANY_SIZE + _MOST_RATIO * packed:
            reason = f"a compressed block of {packed} bytes claims to hold {unpacked}"
            raise self._error(offset, reason)
        block = self.file.read(offset, packed)
        try:
            content = self._undo(block, unpacked)
        except (zstandard.ZstdError, zlib.error, MemoryError) as error:
            raise self._error(offset, f"a compressed block is damaged: {error}") from error
        if len(content) != unpacked:
            raise self._error(
                offset, f"a compressed block holds {len(content)} bytes, not {unpacked}"
            )
        return content

    def _error(self, offset: int, reason: str) -> InputError:
        return InputError(self.file.path, offset, reason)


Undo = Callable[[bytes, int], bytes]
_NOT_DECLARED = -1


def _zstd() -> Undo:
    """One decompressor for all blocks: making one costs as much as using it."""
    decompressor = zstandard.ZstdDecompressor()

    def undo(block: bytes, size: int) -> bytes:
        declared = zstandard.frame_content_size(block)  # which max_output_size does not limit
        if declared not in (size, _NOT_DECLARED):
            raise zstandard.ZstdError(f"it declares {declared} bytes, not {size}")
        return decompressor.decompress(block, max_output_size=size)

    return undo


def _zlib() -> Undo:
    return lambda block, size: zlib.decompressobj().decompress(block, max(size, 1))


def _none() -> Undo:
    return lambda block, size: block


_DECOMPRESSORS: dict[str, Callable[[], Undo]] = {"zstd": _zstd, "zlib": _zlib, "none": _none}
