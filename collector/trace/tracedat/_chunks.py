"""One CPU's bytes out of the file, piece by piece: plain or compressed in chunks."""

from collections.abc import Iterator
from struct import Struct

from collector.trace.errors import InputError
from collector.trace.ring_buffer import Chunk
from collector.trace.tracedat._blocks import BlockReader
from collector.trace.tracedat._bytes_file import BytesFile
from collector.trace.tracedat._contents import CpuData

PLAIN_PIECE = 1 << 18  # bytes read at once

_COUNT = Struct("<I")  # of chunks
_SIZES = Struct("<II")  # of a chunk in the file, and of what it holds

MAX_CHUNK = 1 << 27
"""trace-cmd writes chunks of a few sub-buffers, of which none is larger than 8 MiB (LARGEST_PAGE):
one that claims more than this is damage."""


def read_chunks(blocks: BlockReader, cpu: CpuData) -> Iterator[Chunk]:
    """Yield what can be read, in order, and report where something cannot. Never raises
    InputError."""
    pieces = _compressed(blocks, cpu) if cpu.is_compressed else _plain(blocks.file, cpu)
    try:
        yield from pieces
    except InputError as error:
        yield Chunk(error.offset or cpu.offset, b"", error.reason)


def _plain(file: BytesFile, cpu: CpuData) -> Iterator[Chunk]:
    end = min(cpu.offset + cpu.size, file.size)
    for offset in range(cpu.offset, end, PLAIN_PIECE):
        yield Chunk(offset, file.read(offset, min(PLAIN_PIECE, end - offset)))
    missing = cpu.offset + cpu.size - max(end, cpu.offset)
    if missing > 0:
        yield Chunk(file.size, b"", f"the file ends {missing} bytes before the end of CPU data")


def _compressed(blocks: BlockReader, cpu: CpuData) -> Iterator[Chunk]:
    file, offset = blocks.file, cpu.offset + 4
    (count,) = _COUNT.unpack(file.read(cpu.offset, _COUNT.size))
    for _ in range(count):
        packed, unpacked = _SIZES.unpack(file.read(offset, _SIZES.size))
        if unpacked > MAX_CHUNK:
            raise InputError(file.path, offset, "the size of a compressed chunk cannot be right")
        if offset + 8 + packed > file.size:
            raise InputError(file.path, file.size, "the file ends within a compressed chunk")
        try:
            yield Chunk(offset, blocks.read(offset + 8, packed, unpacked))
        except InputError as error:
            yield Chunk(offset, b"", error.reason)
        offset += 8 + packed
