"""Files that are given to `snapshot` as a kernel's debug information or as a vmcore."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from app.cli import main
from collector.capture.kernel_memory import (
    WrongFileError,
    _debug_files as debug_files,
    check_vmcore,
    check_vmlinux,
)
from collector.capture.kernel_memory._debug_files import NotElfError, read_elf
from tests.capture.elf_files import build_id_note, vmcore, vmlinux

OURS, OTHER = "24a3598fd700114d0a1b1a4871badcee75d0acac", "00" * 20

Write = Callable[[str, bytes], Path]


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the running kernel says of itself."""
    path = tmp_path / "notes"
    path.write_bytes(build_id_note(OURS))
    monkeypatch.setattr(debug_files, "NOTES", path)
    return path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_it(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write_it


@pytest.mark.parametrize("section", [b".debug_info", b".zdebug_info"])
def test_debug_information_of_the_kernel_that_runs_is_taken(write: Write, section: bytes) -> None:
    check_vmlinux(write("vmlinux", vmlinux(OURS, dwarf=section)), None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no ELF file"),
        (b"MZ\xea\x07\x00\xc0", "no ELF file"),
        (b"\x7fELF\x01\x01\x01" + b"\0" * 60, "no 64-bit ELF file"),
        (vmlinux(OURS)[:100], "cut off"),
        (vmlinux(OURS)[:-10], "cut off"),
        (vmlinux(OURS, dwarf=None), "no debug information"),
        (vmlinux(OURS, dwarf=b".debug_infos"), "no debug information"),
        (vmlinux(OTHER), f"another kernel: its build id is {OTHER}, that of the kernel that runs"),
        (vmcore(OURS), "give it by --vmcore"),
    ],
)
def test_any_other_file_is_refused_with_what_is_wrong(
    write: Write, content: bytes, said: str
) -> None:
    with pytest.raises(WrongFileError, match=said):
        check_vmlinux(write("vmlinux", content), None)


def test_a_kernel_that_does_not_tell_its_build_id_refuses_none(write: Write, notes: Path) -> None:
    notes.unlink()
    check_vmlinux(write("vmlinux", vmlinux(OTHER)), None)


def test_debug_information_for_a_vmcore_is_that_of_its_kernel(write: Write) -> None:
    """Not of the one that runs where it is looked at."""
    dump = write("vmcore", vmcore(OTHER))
    check_vmlinux(write("vmlinux", vmlinux(OTHER)), dump)
    with pytest.raises(WrongFileError, match=r"that of the kernel of vmcore 0000"):
        check_vmlinux(write("vmlinux", vmlinux(OURS)), dump)


def test_a_vmcore_that_tells_no_build_id_leaves_it_to_the_release(write: Write) -> None:
    check_vmlinux(write("vmlinux", vmlinux(OURS)), write("vmcore", vmcore(None)))
    compressed = write("dump", b"KDUMP   " + b"\0" * 4096)
    assert check_vmcore(compressed) is None
    check_vmlinux(write("vmlinux", vmlinux(OURS)), compressed)


@pytest.mark.parametrize("content", [b"", b"hello", vmlinux(OURS)])
def test_what_is_no_vmcore_is_refused(write: Write, content: bytes) -> None:
    with pytest.raises(WrongFileError, match="vmcore"):
        check_vmcore(write("vmcore", content))


@pytest.mark.parametrize("at", range(16, 120, 3))
def test_damaged_headers_are_told(write: Write, at: int) -> None:
    content = bytearray(vmlinux(OURS))
    content[at] = 0xFF
    with suppress(NotElfError):
        read_elf(write("vmlinux", bytes(content)))


@pytest.mark.skipif(shutil.which("readelf") is None, reason="hardware: binutils is not installed")
def test_build_id_is_that_of_readelf() -> None:
    path = Path(sys.executable).resolve()
    told = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True)
    found = [line.split()[-1] for line in told.stdout.splitlines() if "Build ID" in line]
    assert read_elf(path).build_id == (found[0] if found else None)


@pytest.mark.parametrize("option", ["--vmlinux", "--vmcore"])
def test_a_wrong_file_is_status_1_and_nothing_is_stored(
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
) -> None:
    wrong, database = write("wrong", b"not a kernel"), tmp_path / "none.db"
    words = ["gmemscope", "snapshot", option, str(wrong), "--database", str(database)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "wrong" in capsys.readouterr().err
    assert not database.exists()
