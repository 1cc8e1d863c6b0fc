"""Whether files that a user names are the kernel's debug information, before they are read: what
ELF files hold of a kernel (elf(5))."""

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


NOTES = Path("/sys/kernel/notes")
_DUMPS = (b"KDUMP   ", b"DISKDUMP", b"makedumpfile")
"""How the files begin that makedumpfile writes, which are no ELF files."""


class WrongFileError(Exception):
    """Names the file, and what is wrong with it."""


def check_vmcore(vmcore: Path) -> Elf | None:
    """Raises WrongFileError. None: a dump by makedumpfile, which only drgn can take apart."""
    with vmcore.open("rb") as file:
        beginning = file.read(len(_DUMPS[-1]))
    if not beginning.startswith(MAGIC) and beginning.startswith(_DUMPS):
        return None
    elf = _elf_of(vmcore)
    if not elf.is_core:
        raise WrongFileError(f"{vmcore.name} is no vmcore: it is an ELF file, but no core dump")
    return elf


def check_vmlinux(vmlinux: Path, vmcore: Path | None) -> None:
    """It must be of the kernel that runs, or of the one that left `vmcore`, and describe its types.

    Raises WrongFileError.
    """
    elf = _elf_of(vmlinux)
    if elf.is_core:
        raise WrongFileError(f"{vmlinux.name} is a core dump: give it by --vmcore")
    if not elf.has_dwarf:
        raise WrongFileError(
            f"{vmlinux.name} has no debug information (DWARF): the vmlinux of a debug package has"
        )
    wanted = _running_build_id() if vmcore is None else _build_id_of(vmcore)
    if wanted is not None and elf.build_id != wanted:
        whose = "the kernel that runs" if vmcore is None else f"the kernel of {vmcore.name}"
        raise WrongFileError(
            f"{vmlinux.name} is of another kernel: its build id is "
            f"{elf.build_id or 'not recorded'}, "
            f"that of {whose} {wanted}"
        )


def _elf_of(path: Path) -> Elf:
    try:
        return read_elf(path)
    except NotElfError as error:
        raise WrongFileError(f"{path.name} cannot be used: {error}") from error
    except OSError as error:
        raise WrongFileError(f"{path.name} cannot be read: {error.strerror}") from error


def _build_id_of(vmcore: Path) -> str | None:
    elf = check_vmcore(vmcore)
    return None if elf is None else elf.build_id


def _running_build_id() -> str | None:
    """None: this kernel does not name it."""
    try:
        return build_id_in(NOTES.read_bytes())
    except OSError:
        return None
