"""`gmemscope import` as scripts see it: output, exit status, what is in the database."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import forking

ROOT = Path(__file__).parents[2]
HEADER = "# conv.bt v1; times are bpftrace nsecs\n"
LINES = (
    "1000 1100 7 7 vmm CREATE_VM fd=4 type=1 ret=5\n"
    "1200 1300 7 7 vmm SET_USER_MEMORY_REGION fd=5 slot=0 flags=0x0 gpa=0x0 size=0x10000"
    " hva=0x7f0000000000 ret=0\n"
    "1400 1500 7 7 vmm SET_MEMORY_ATTRIBUTES fd=5 address=0x1000 size=0x2000 attributes=0x8"
    " flags=0x0 ret=0\n"
    "1600 1700 7 7 vmm SET_MEMORY_ATTRIBUTES fd=5 address=0x1 size=0x2000 attributes=0x8"
    " flags=0x0 ret=-22\n"
)


class Cli:
    def __init__(self, database: Path) -> None:
        self.database = database

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = ["import", "--database", self.database, *arguments]
        return forking.run(command, cwd=ROOT, env=os.environ | {"PYTHONWARNINGS": "error"})

    def summary(self, *arguments: str | Path) -> dict[str, Any]:
        result = self.run("--json", *arguments)
        assert result.returncode == 0, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "gmemscope.db")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "recording.txt"
    path.write_text(HEADER + LINES)
    return path


def test_any_name_that_a_file_can_have_is_stored_and_printed(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\xff\x1b[2Jb.txt")
    path.write_text(HEADER + LINES)
    result = cli.run(path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == "recording 1: a\\xff\\x1b[2Jb.txt"
    path.write_text("no recording\n")
    refused = cli.run(path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("gmemscope: a\\xff\\x1b[2Jb.txt at offset 0x0: ")


def test_json_tells_what_was_imported(cli: Cli, log: Path) -> None:
    summary = cli.summary(log)
    assert summary["vms"] == [
        {"id": 1, "name": "vmm", "pid": 7, "vm_fd": 5, "may_be_several": False}
    ]
    assert summary["conversions"] == {
        "requested": 2,
        "applied": 1,
        "failed": 1,
        "unconfirmed": 0,
        "to_unknown": 0,
        "uncertain": 0,
        "effective_pages": 2,
        "at_least": [],
    }
    assert (summary["memslots"], summary["lost_events"]) == (1, 0)
    assert summary["events"] == {"conversion": 2, "memslot": 1}
    assert summary["state"] == "complete"


def test_second_import_of_the_same_file_makes_no_second_recording(cli: Cli, log: Path) -> None:
    first, second = cli.summary(log), cli.summary(log)
    assert second["recording"] == first["recording"]
    assert second["already_imported"]
    assert cli.summary("--again", log)["recording"] != first["recording"]


def test_damaged_file_is_kept_as_far_as_it_goes(cli: Cli, log: Path) -> None:
    log.write_text(HEADER + LINES + "1800 19")
    result = cli.run("--json", log)
    assert result.returncode == 1
    assert f"recording.txt at offset {len(HEADER + LINES):#x}: the last line is cut off" in (
        result.stderr
    )
    assert "kept 4 calls" in result.stderr
    summary = json.loads(result.stdout)
    assert summary["state"] == "incomplete"
    assert summary["conversions"]["requested"] == 2


@pytest.mark.parametrize("content", [b"", b"not a recording\n", b"\x17\x08\x44tracing6\0"])
def test_foreign_file_is_refused_without_a_traceback(
    cli: Cli, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)
    result = cli.run(path)
    assert result.returncode == 1
    assert result.stderr.startswith("gmemscope: foreign")
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_missing_file_is_named(cli: Cli, tmp_path: Path) -> None:
    result = cli.run(tmp_path / "absent.dat")
    assert result.returncode == 1
    assert "absent.dat: No such file or directory" in result.stderr


def test_good_files_are_imported_beside_bad_ones(cli: Cli, log: Path, tmp_path: Path) -> None:
    result = cli.run("--json", tmp_path / "absent.dat", log)
    assert result.returncode == 1
    assert [s["conversions"]["applied"] for s in json.loads(result.stdout)] == [1]


def test_unknown_format_is_wrong_usage(cli: Cli, log: Path) -> None:
    result = cli.run("--format", "xml", log)
    assert result.returncode == 2
    assert "trace.dat, bpftrace" in result.stderr


def test_text_names_what_the_recording_lacks(cli: Cli, log: Path) -> None:
    result = cli.run(log)
    assert result.returncode == 0, result.stderr
    assert "2 conversions: 1 applied, 1 failed, 0 unconfirmed; 2 pages changed" in result.stdout
    assert "not in this recording: Exits to user space were not recorded" in result.stdout
