"""Compressed blocks of a trace.dat, undone one at a time."""

import zlib
from collections.abc import Callable

import zstandard

from collector.ftrace.bytesfile import BytesFile
from collector.sources.base import InputError


class BlockReader:
    """Reads blocks compressed as the file's head says: "zstd", "zlib", or "none" for no such."""

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


def _zstd() -> Undo:
    """One decompressor for all blocks: making one costs as much as using it."""
    decompressor = zstandard.ZstdDecompressor()
    return lambda block, size: decompressor.decompress(block, max_output_size=size)


def _zlib() -> Undo:
    return lambda block, size: zlib.decompressobj().decompress(block, max(size, 1))


def _none() -> Undo:
    return lambda block, size: block


_DECOMPRESSORS: dict[str, Callable[[], Undo]] = {"zstd": _zstd, "zlib": _zlib, "none": _none}
