"""trace.dat version 7: sections, found by the options (trace-cmd.dat.v7(5))."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from collector.trace.errors import InputError
from collector.trace.tracedat._blocks import BlockReader
from collector.trace.tracedat._border import check_page_size
from collector.trace.tracedat._bytes_file import BytesFile, Cursor
from collector.trace.tracedat._contents import (
    Buffer,
    Contents,
    CpuData,
    read_command_names,
    read_event_formats,
    read_ftrace_formats,
    read_header_info,
)
from collector.trace.tracedat._options import Option, apply_option

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


_MOST_HEAD = 256  # bytes of the compressor's name and version and of an offset
MAX_SECTION = 1 << 26
"""No section but the CPUs' data is larger uncompressed: a size beyond is damage."""

_SECTION_READERS: dict[int, Callable[[Cursor, Contents], None]] = {
    Option.HEADER_INFO: read_header_info,
    Option.FTRACE_EVENTS: read_ftrace_formats,
    Option.EVENT_FORMATS: read_event_formats,
    Option.CMDLINES: read_command_names,
}


def read_contents(file: BytesFile, start: int, page_size: int) -> Contents:
    """Follow the chain of option sections; `start` is where the initial header ended.

    Where the chain is broken (a truncated file lacks its end), read the sections as they lie.
    """
    length = min(_MOST_HEAD, file.size - start)
    head = Cursor(file.path, file.read(start, length), start, is_compressed=False)
    compression = head.string()
    head.string()  # version of the compressor
    blocks = BlockReader(file, compression, start)
    check_page_size(file, start, page_size)
    options_at = head.u64()
    contents = Contents(version=7, page_size=page_size, compression=compression)
    try:
        _read_option_chain(blocks, options_at, contents)
    except InputError as error:
        contents = Contents(version=7, page_size=page_size, compression=compression)
        _read_in_sequence(blocks, head.offset, contents)
        if not (contents.header_page and contents.formats and contents.buffers):
            raise
        contents.damage.append(error)
    return contents


def _read_in_sequence(blocks: BlockReader, offset: int, contents: Contents) -> None:
    """Read the sections one after another, without the options that place them."""
    for section in sections_in_sequence(blocks.file, offset):
        if section.id == Option.BUFFER:
            contents.buffers.append(find_cpus(blocks.file, section, contents))
            continue
        try:
            _read_section(blocks, section, contents)
        except InputError as error:
            contents.damage.append(error)


def _read_section(blocks: BlockReader, section: Section, contents: Contents) -> None:
    cursor, _ = open_section(blocks, section.offset)
    if section.id in _SECTION_READERS:
        _SECTION_READERS[section.id](cursor, contents)
    elif section.id == Option.KALLSYMS:
        contents.kallsyms_at = (section.offset, 0)
    elif section.id == Option.DONE:
        for option, body in _options(cursor):
            if option != Option.BUFFER:
                apply_option(option, body, contents)


def _read_option_chain(blocks: BlockReader, offset: int, contents: Contents) -> None:
    seen: set[int] = set()
    while offset:
        offset = _read_option_section(blocks, offset, contents, seen)


def _visit(blocks: BlockReader, offset: int, seen: set[int]) -> None:
    """Raises InputError if a section was read already: reading it as often as it is referred to
    could go on for ever."""
    if offset in seen:
        raise InputError(blocks.file.path, offset, "a section is referred to more than once")
    seen.add(offset)


def _read_option_section(
    blocks: BlockReader, offset: int, contents: Contents, seen: set[int]
) -> int:
    """Read one section of options; returns where the next one is, 0 after the last."""
    _visit(blocks, offset, seen)
    cursor, section_id = open_section(blocks, offset)
    if section_id != Option.DONE:
        raise InputError(
            blocks.file.path, offset, f"options expected here, found section {section_id}"
        )
    for option, body in _options(cursor):
        if option == Option.DONE:
            return body.u64()
        _apply(blocks, option, body, contents, seen)
    return 0


def _options(cursor: Cursor) -> Iterator[tuple[int, Cursor]]:
    while cursor.left:
        option, size = cursor.u16(), cursor.u32()
        at = cursor.offset
        yield option, Cursor(cursor.path, cursor.take(size), at, is_compressed=False)


def _apply(
    blocks: BlockReader, option: int, body: Cursor, contents: Contents, seen: set[int]
) -> None:
    if option in _SECTION_READERS:
        offset = body.u64()
        _visit(blocks, offset, seen)
        section, _ = open_section(blocks, offset)
        _SECTION_READERS[option](section, contents)
    elif option == Option.KALLSYMS:
        contents.kallsyms_at = (body.u64(), 0)
    elif option == Option.BUFFER:
        contents.buffers.append(_read_buffer(blocks.file, body))
    elif option == Option.BUFFER_TEXT:
        contents.notes.append("It holds the text of a latency tracer as well, which is left out.")
    else:
        apply_option(option, body, contents)


def open_section(blocks: BlockReader, offset: int) -> tuple[Cursor, int]:
    """A cursor over the uncompressed content of a section, and the section's id."""
    file = blocks.file
    head = Cursor(file.path, file.read(offset, SECTION_HEADER), offset, is_compressed=False)
    section_id, flags, _, size = head.u16(), head.u16(), head.u32(), head.u64()
    start = offset + SECTION_HEADER
    if not flags & IS_COMPRESSED:
        return Cursor(file.path, file.read(start, size), start, is_compressed=False), section_id
    sizes = Cursor(file.path, file.read(start, 8), start, is_compressed=False)
    packed, unpacked = sizes.u32(), sizes.u32()
    if unpacked > MAX_SECTION:
        raise InputError(file.path, start, f"a section claims {unpacked} bytes: damaged")
    content = blocks.read(start + 8, packed, unpacked)
    return Cursor(file.path, content, offset, is_compressed=True), section_id


def _read_buffer(file: BytesFile, body: Cursor) -> Buffer:
    offset, name, clock = body.u64(), body.string(), body.string()
    page_size, count = body.u32(), body.u32()
    head = Cursor(file.path, file.read(offset, SECTION_HEADER), offset, is_compressed=False)
    head.u16()
    is_compressed = bool(head.u16() & IS_COMPRESSED)
    table = [(body.u32(), body.u64(), body.u64()) for _ in range(count)]
    cpus = tuple(CpuData(cpu, at, size, is_compressed) for cpu, at, size in table if size)
    return Buffer(name, clock, page_size, cpus)
