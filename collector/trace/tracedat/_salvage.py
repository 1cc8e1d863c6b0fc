"""A version 7 file without its table of contents: its sections and CPUs as they lie on disk.

trace-cmd writes the options that place the CPUs' data last, so a file cut short lacks them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from collector.trace.tracedat._bytes_file import BytesFile
from collector.trace.tracedat._contents import Buffer, Contents, CpuData
from collector.trace.tracedat._options import Option

SECTION_HEADER = 16  # u16 id, u16 flags, u32 string id, u64 size
IS_COMPRESSED = 1

_STRINGS = 15
_SECTION_IDS = frozenset(Option) | {_STRINGS}


@dataclass(frozen=True, slots=True)
class Section:
    id: int
    offset: int  # of its header
    end: int
    is_compressed: bool


def sections_in_sequence(file: BytesFile, offset: int) -> Iterator[Section]:
    """Sections from `offset` on, up to the end of the file or to something that is none."""
    while offset + SECTION_HEADER <= file.size:
        head = file.read(offset, SECTION_HEADER)
        section_id, flags = _number(head[0:2]), _number(head[2:4])
        size = _number(head[8:16]) or file.size  # never filled in: the recorder was killed
        if section_id not in _SECTION_IDS or flags & ~IS_COMPRESSED:
            return
        end = offset + SECTION_HEADER + size
        yield Section(section_id, offset, min(end, file.size), bool(flags & IS_COMPRESSED))
        offset = end


def find_cpus(file: BytesFile, section: Section, contents: Contents) -> Buffer:
    """The CPUs' data in a buffer's section; each begins at a multiple of the page size."""
    start = _align(section.offset + SECTION_HEADER, contents.page_size)
    find = _compressed_pieces if section.is_compressed else _plain_pieces
    cpus = [
        CpuData(cpu, offset, size, section.is_compressed)
        for cpu, (offset, size) in enumerate(find(file, start, section.end, contents.page_size))
    ]
    if section.end == file.size:  # those of which not a byte is left
        cpus += [
            CpuData(cpu, file.size, contents.page_size)
            for cpu in range(len(cpus), contents.cpu_count)
        ]
    return Buffer("", contents.clock, contents.page_size, tuple(cpus))


def _compressed_pieces(
    file: BytesFile, offset: int, end: int, page_size: int
) -> Iterator[tuple[int, int]]:
    """Follow the sizes of the chunks; what is cut short is reported when its chunks are read."""
    while offset + 4 < end:
        at = offset + 4
        for _ in range(_number(file.read(offset, 4))):
            if at + 8 > end:
                break
            at += 8 + _number(file.read(at, 4))
        if at > offset + 4:
            yield offset, at - offset
        offset = _align(at, page_size)


def _plain_pieces(
    file: BytesFile, offset: int, end: int, page_size: int
) -> Iterator[tuple[int, int]]:
    """Where a page is older than the one before it, the next CPU begins."""
    start, before = offset, 0
    for page in range(offset, end - 8, page_size):
        stamp = _number(file.read(page, 8))
        if stamp < before:
            yield start, page - start
            start = page
        before = stamp
    if end > start:
        yield start, end - start


def _align(offset: int, to: int) -> int:
    return -(-offset // max(to, 1)) * max(to, 1)


def _number(content: bytes) -> int:
    return int.from_bytes(content, "little")
