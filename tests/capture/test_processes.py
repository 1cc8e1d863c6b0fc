"""Facts of a process by /proc, which may be odd or gone."""

import subprocess
import sys
from pathlib import Path

import pytest

from collector.capture.inventory import _processes as processes, vmm_of
from collector.capture.inventory._processes import is_still


def proc(folder: Path, stat: bytes, cmdline: bytes = b"") -> None:
    (folder / "7").mkdir()
    (folder / "7" / "stat").write_bytes(stat)
    (folder / "7" / "cmdline").write_bytes(cmdline)


def stat_of(command: bytes, start: int) -> bytes:
    return b"7 (" + command + b") S " + b"0 " * 18 + str(start).encode() + b" 0 0\n"


def test_name_with_blanks_and_parentheses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)
    proc(tmp_path, stat_of(b"a) S (b c", 250), b"qemu-kvm\0-name\0web\0")
    facts = vmm_of(7)
    assert facts is not None
    assert (facts.command, facts.start_ns, facts.name) == ("a) S (b c", 2_500_000_000, "web")


def test_bytes_that_are_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)
    proc(tmp_path, stat_of(b"v\xff", 1), b"qemu\0-name\0w\xff\0")
    facts = vmm_of(7)
    assert facts is not None
    assert (facts.command, facts.name) == ("v�", "w�")


def test_process_that_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    facts = vmm_of(child.pid)
    assert facts is not None
    assert is_still(facts)
    child.communicate()
    assert vmm_of(child.pid) is None
    assert not is_still(facts)
