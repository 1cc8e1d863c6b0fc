"""Whether files that a user names are what they are taken for, before they are read."""

from pathlib import Path

from collector.capture.kernel_memory._elf import MAGIC, Elf, NotElfError, build_id_in, read_elf

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
