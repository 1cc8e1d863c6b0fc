"""What is kept after dropping is what was asked for, in every thread, also for what is run then."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collector.capture import privileges
from collector.capture.privileges import (
    capability_mask,
    effective_capabilities,
    may_write_as_owner,
    missing_for,
    names_of,
    needed_to_go_on,
)

DROP = """
import json, os, subprocess, sys, threading
from pathlib import Path
from collector.capture.privileges import capability_mask, drop
if sys.argv[1] == "threaded":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
left = drop(["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"])
later = threading.Thread(target=threading.Event().wait, daemon=True)
later.start()
tasks = [task / "status" for task in Path("/proc/self/task").iterdir()]
run = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True).stdout
Path(sys.argv[2]).write_text(run)
print(json.dumps({
    "is_dropped": left.is_dropped,
    "kept": left.kept,
    "notes": left.notes,
    "tasks": [[capability_mask(task, field) for field in ("CapEff", "CapPrm")] for task in tasks],
    "child": [capability_mask(Path(sys.argv[2]), f) for f in ("CapEff", "CapPrm", "CapBnd")],
}))
"""
WANTED = 1 << 19 | 1 << 2
ROOT = Path(__file__).parents[2]


def dropped(tmp_path: Path, how: str, *prefix: str) -> dict[str, Any]:
    command = [*prefix, sys.executable, "-c", DROP, how, str(tmp_path / "status")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(run.stdout))


needs_capabilities = pytest.mark.skipif(
    not {"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"} <= set(effective_capabilities()),
    reason="hardware: this machine gives the tests no capabilities that could be dropped",
)


@needs_capabilities
def test_only_what_was_asked_for_is_left_in_every_thread(tmp_path: Path) -> None:
    told = dropped(tmp_path, "alone")
    assert (told["is_dropped"], told["notes"]) == (True, [])
    assert told["kept"] == ["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"]
    assert told["tasks"] == [[WANTED, WANTED]] * 2
    effective, permitted, bounding = told["child"]
    assert (effective | permitted | bounding) & ~WANTED == 0


@needs_capabilities
def test_thread_that_began_before_is_known(tmp_path: Path) -> None:
    told = dropped(tmp_path, "threaded")
    assert told["is_dropped"] is False
    assert told["notes"] == ["threads that keep all privileges, for they began earlier: 1"]


def test_without_any_there_is_nothing_to_drop(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    prefix = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if os.geteuid() == 0 and not can_run_python_as_nobody():
        pytest.skip("hardware: another user may not read this Python")
    told = dropped(Path("/tmp") if prefix else tmp_path, "alone", *prefix)
    assert (told["is_dropped"], told["kept"], told["notes"]) == (True, [], [])


def can_run_python_as_nobody() -> bool:
    command = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", "import numpy"]
    return subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


def test_names_come_from_the_mask() -> None:
    assert names_of(1 << 39 | 1 << 38 | 1) == ("CAP_PERFMON", "CAP_BPF")


def test_mask_is_read_by_its_name(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tx\nCapPrm:\t00000000000000ff\nCapEff:\t0000000000080004\n")
    assert capability_mask(status) == WANTED
    assert capability_mask(status, "CapPrm") == 0xFF
    assert capability_mask(status, "CapAmb") == 0


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A tracefs that this process may not write, and no capabilities."""
    monkeypatch.setattr(privileges, "effective_capabilities", lambda: ())
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (8 << 20, 8 << 20))
    return tmp_path


def test_missing_capabilities_are_named_by_source(nobody: Path) -> None:
    assert missing_for("tracefs", nobody) == ("CAP_DAC_OVERRIDE",)
    lacking = ("CAP_DAC_READ_SEARCH", "CAP_IPC_LOCK", "CAP_SYS_ADMIN")
    assert missing_for("bpftrace", nobody) == lacking


def test_memory_that_may_be_locked_without_limit_needs_no_capability(
    nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (0, resource.RLIM_INFINITY))
    assert missing_for("bpftrace", nobody) == ("CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN")


def test_tracefs_of_a_group_needs_no_capability(tmp_path: Path) -> None:
    (tmp_path / "instances").mkdir()
    assert missing_for("tracefs", tmp_path) == ()


def test_own_folder_needs_no_capability(tmp_path: Path) -> None:
    database = tmp_path / "live.db"
    assert may_write_as_owner(database)
    database.touch()
    (tmp_path / "live.db-wal").touch(0o600)
    assert may_write_as_owner(database)
    keep, notes = needed_to_go_on("bpftrace", database)
    assert (keep, notes) == (("CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"), ())


def test_folder_that_denies_writing_keeps_the_right_and_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    keep, notes = needed_to_go_on("bpftrace", tmp_path / "live.db")
    tmp_path.chmod(0o700)
    assert "CAP_DAC_OVERRIDE" in keep
    assert str(tmp_path) in notes[0]


def test_compiled_code_of_another_user_keeps_the_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(0o500)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    keep, notes = needed_to_go_on("bpftrace", tmp_path / "live.db")
    assert "CAP_DAC_OVERRIDE" in keep
    assert str(folder) in notes[0]


def test_compiled_code_is_looked_for_where_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the user's cache, where the sources are another user's."""
    folder = tmp_path / "cache"
    folder.mkdir(0o500)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    keep, notes = needed_to_go_on("bpftrace", tmp_path / "live.db")
    assert "CAP_DAC_OVERRIDE" in keep
    assert str(folder) in notes[0]


def test_file_that_denies_writing_keeps_the_right(tmp_path: Path) -> None:
    (tmp_path / "live.db").touch(0o400)
    assert not may_write_as_owner(tmp_path / "live.db")


def test_instance_of_root_keeps_the_right_for_who_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privileges, "_permits", lambda path, wanted: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "CAP_DAC_OVERRIDE" in needed_to_go_on("tracefs", tmp_path / "live.db")[0]
    assert "CAP_DAC_OVERRIDE" not in needed_to_go_on("bpftrace", tmp_path / "live.db")[0]
