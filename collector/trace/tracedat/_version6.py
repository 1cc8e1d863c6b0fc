"""trace.dat version 6: everything in one fixed order (trace-cmd.dat.v6(5))."""

from collector.trace.errors import InputError
from collector.trace.tracedat._border import check_cpu_count, check_page_size
from collector.trace.tracedat._bytes_file import MOST_STRING, BytesFile, Cursor, text_of
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

_MARK_LENGTH = 10  # "options  \0", "flyrecord\0", "latency  \0"


class StreamCursor(Cursor):
    """A cursor over the rest of the file that reads only what is taken."""

    def __init__(self, file: BytesFile, offset: int) -> None:
        super().__init__(file.path, b"", 0, is_compressed=False)
        self._file = file
        self.position = offset

    @property
    def left(self) -> int:
        return self._file.size - self.position

    def take(self, length: int) -> bytes:
        taken = self._file.read(self.position, length)
        self.position += length
        return taken

    def skip(self, length: int) -> None:
        self.position += length

    def string(self) -> str:
        gathered = bytearray()
        while (byte := self.take(1)) != b"\0":
            gathered += byte
            if len(gathered) > MOST_STRING:
                raise self.error("a string has no end")
        return text_of(bytes(gathered))


def read_contents(file: BytesFile, start: int, page_size: int) -> Contents:
    """Read everything up to the CPUs' data; `start` is where the initial header ended."""
    check_page_size(file, start, page_size)
    contents = Contents(version=6, page_size=page_size)
    cursor = StreamCursor(file, start)
    read_header_info(cursor, contents)
    read_ftrace_formats(cursor, contents)
    read_event_formats(cursor, contents)
    size = cursor.u32()
    contents.kallsyms_at = (cursor.position, size)
    cursor.skip(size)
    cursor.skip(cursor.u32())  # printk formats
    read_command_names(cursor, contents)
    at, contents.cpu_count = cursor.position, cursor.u32()
    check_cpu_count(file, at, contents.cpu_count)
    instances = _read_options(cursor, contents)
    contents.buffers.append(_read_cpu_table(cursor, contents, ""))
    for name, offset in instances:
        try:
            contents.buffers.append(_read_instance(StreamCursor(file, offset), contents, name))
        except InputError as error:  # instances come last: a file cut short lacks them
            contents.damage.append(error)
            contents.lacks_cpus = True
    return contents


def _read_options(cursor: StreamCursor, contents: Contents) -> list[tuple[str, int]]:
    """Read options if there are any, up to the "flyrecord" mark; returns instances and places."""
    instances: list[tuple[str, int]] = []
    mark = cursor.take(_MARK_LENGTH)
    if mark.startswith(b"options"):
        while (option := cursor.u16()) != Option.DONE:
            at, content = cursor.position, cursor.take(cursor.u32())
            body = Cursor(cursor.path, content, at + 4, is_compressed=False)
            if option == Option.BUFFER:
                offset = body.u64()
                instances.append((body.string(), offset))
            else:
                apply_option(option, body, contents)
        mark = cursor.take(_MARK_LENGTH)
    if mark.startswith(b"latency"):
        raise InputError(
            cursor.path,
            cursor.position - _MARK_LENGTH,
            "this file holds the text of a latency tracer, not events; record with "
            "`trace-cmd record -e ...`",
        )
    if not mark.startswith(b"flyrecord"):
        raise cursor.error(f"'flyrecord' expected here, found {text_of(mark)!r}")
    return instances


def _read_cpu_table(cursor: StreamCursor, contents: Contents, name: str) -> Buffer:
    table = [(cpu, cursor.u64(), cursor.u64()) for cpu in range(contents.cpu_count)]
    cpus = tuple(CpuData(cpu, offset, size) for cpu, offset, size in table if size)
    return Buffer(name, contents.clock, contents.page_size, cpus)


def _read_instance(cursor: StreamCursor, contents: Contents, name: str) -> Buffer:
    """An instance has a mark and a table of its own, with options only in newer files."""
    _read_options(cursor, contents)
    return _read_cpu_table(cursor, contents, name)
