"""What ELF files record of the kernel they hold: its build id, and whether there is DWARF (elf(5)).

Of 64-bit files, in either order of bytes: KVM runs on no other.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_END
from pathlib import Path
from typing import BinaryIO

MAGIC = b"\x7fELF"
ET_CORE = 4
NT_GNU_BUILD_ID = 3
_PT_NOTE, _SHT_NOTE = 4, 7
_CLASS64 = 2
_ORDERS = {1: "<", 2: ">"}
_HEADER = "HHIQQQIHHHHHH"  # struct elf64_hdr behind e_ident
_SEGMENT = "IIQQQQQQ"  # elf64_phdr
_SECTION = "IIQQQQIIQQ"  # elf64_shdr
_IDENT = 16
_MOST_NOTES = 64 << 20  # one for each CPU, in a vmcore
_DWARF = (b".debug_info", b".zdebug_info")

Notes = Iterator[tuple[bytes, int, bytes]]
"""name, type, content"""


class NotElfError(Exception):
    """The file is none, or is cut off."""


@dataclass(frozen=True, slots=True)
class Elf:
    """`build_id` in hexadecimal digits; None: the file does not name it."""

    is_core: bool
    build_id: str | None
    has_dwarf: bool


def read_elf(path: Path) -> Elf:
    """Raises NotElfError or OSError."""
    with path.open("rb") as file:
        try:
            return _read(file)
        except (struct.error, ValueError) as error:
            raise NotElfError("it is cut off or damaged") from error


def build_id_in(notes: bytes, order: str = "=") -> str | None:
    """The build id in notes as a kernel shows them in /sys/kernel/notes, and a vmlinux has them;
    a vmcore has it in its VMCOREINFO (vmcoreinfo_append_str of BUILD-ID, kernel/vmcore_info.c)."""
    for name, kind, content in _notes(notes, order):
        if name == b"GNU" and kind == NT_GNU_BUILD_ID:
            return content.hex()
        if name == b"VMCOREINFO":
            for line in content.splitlines():
                if line.startswith(b"BUILD-ID="):
                    return line.partition(b"=")[2].decode(errors="replace").strip()
    return None


def _read(file: BinaryIO) -> Elf:
    ident = file.read(_IDENT)
    if ident[:4] != MAGIC:
        raise NotElfError("it is no ELF file")
    if len(ident) < _IDENT or ident[4] != _CLASS64 or ident[5] not in _ORDERS:
        raise NotElfError("it is no 64-bit ELF file")
    order = _ORDERS[ident[5]]
    header = struct.Struct(order + _HEADER)
    kind, _, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, names = header.unpack(
        file.read(header.size)
    )
    segments = list(_rows(file, order + _SEGMENT, phoff, phsize, phnum))
    sections = list(_rows(file, order + _SECTION, shoff, shsize, shnum))
    places = [(row[2], row[5]) for row in segments if row[0] == _PT_NOTE]
    places += [(row[4], row[5]) for row in sections if row[1] == _SHT_NOTE]
    ids = (build_id_in(_at(file, *place), order) for place in places)
    return Elf(
        is_core=kind == ET_CORE,
        build_id=next((one for one in ids if one is not None), None),
        has_dwarf=_has_dwarf(file, sections, names),
    )


def _rows(
    file: BinaryIO, shape: str, offset: int, size: int, count: int
) -> Iterator[tuple[int, ...]]:
    row = struct.Struct(shape)
    if count and size < row.size:
        raise NotElfError("its headers are damaged")
    table = _at(file, offset, size * count)
    yield from (row.unpack_from(table, at * size) for at in range(count))


def _has_dwarf(file: BinaryIO, sections: list[tuple[int, ...]], names: int) -> bool:
    if names >= len(sections):
        return False
    text = _at(file, sections[names][4], sections[names][5])
    found = (text[row[0] : text.find(b"\0", row[0])] for row in sections if row[5])
    return any(name in _DWARF for name in found)


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    if size > _MOST_NOTES:
        raise NotElfError("its headers are damaged")
    if offset + size > file.seek(0, SEEK_END):
        raise NotElfError("it is cut off")
    file.seek(offset)
    return file.read(size)


def _notes(content: bytes, order: str) -> Notes:
    row = struct.Struct(order + "III")
    at = 0
    while at + row.size <= len(content):
        name_size, size, kind = row.unpack_from(content, at)
        name_at = at + row.size
        content_at = name_at + (name_size + 3 & ~3)
        yield (
            content[name_at : name_at + name_size].rstrip(b"\0"),
            kind,
            content[content_at : content_at + size],
        )
        at = content_at + (size + 3 & ~3)
