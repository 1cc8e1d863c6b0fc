"""ELF files with nothing in them but what says which kernel they are of."""

import struct

EXEC, CORE = 2, 4


def note(name: bytes, kind: int, content: bytes) -> bytes:
    name += b"\0"
    head = struct.pack("<III", len(name), len(content), kind)
    return head + name + b"\0" * (-len(name) % 4) + content + b"\0" * (-len(content) % 4)


def build_id_note(build_id: str) -> bytes:
    return note(b"Linux", 0x101, b"\0" * 4) + note(b"GNU", 3, bytes.fromhex(build_id))


def elf(kind: int, notes: bytes, sections: tuple[bytes, ...] = ()) -> bytes:
    """`notes` in a segment; `sections` by name, each of a byte."""
    names = b"\0" + b"".join(name + b"\0" for name in (*sections, b".shstrtab"))
    notes_at = 64 + 56
    names_at = notes_at + len(notes)
    table_at = names_at + len(names)
    rows = [struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)]
    kinds = [(name, 1, notes_at, 1) for name in sections]
    kinds.append((b".shstrtab", 3, names_at, len(names)))
    rows += [
        struct.pack("<IIQQQQIIQQ", names.index(b"\0" + name) + 1, what, 0, 0, at, size, 0, 0, 1, 0)
        for name, what, at, size in kinds
    ]
    ident = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    head = struct.pack(
        "<HHIQQQIHHHHHH", kind, 62, 1, 0, 64, table_at, 0, 64, 56, 1, 64, len(rows), len(rows) - 1
    )
    segment = struct.pack("<IIQQQQQQ", 4, 0, notes_at, 0, 0, len(notes), len(notes), 4)
    return ident + head + segment + notes + names + b"".join(rows)


def vmlinux(build_id: str, *, dwarf: bytes | None = b".debug_info") -> bytes:
    sections = (b".text",) if dwarf is None else (b".text", dwarf)
    return elf(EXEC, build_id_note(build_id), sections)


def vmcore(build_id: str | None) -> bytes:
    told = "" if build_id is None else f"BUILD-ID={build_id}\n"
    text = f"OSRELEASE=6.12.0\n{told}PAGESIZE=4096\n".encode()
    return elf(CORE, note(b"CORE", 1, b"\0" * 336) + note(b"VMCOREINFO", 0, text))
