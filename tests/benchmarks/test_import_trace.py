"""The peer in C, which must read as much as we do to be one."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.import_trace import C_PACKAGES, ROOT, build_c_pass
from collector.trace.tracedat import open_trace_dat

EXAMPLES = "convwork.dat", "convwork-tracepoints.dat"


def decoded(path: Path) -> int:
    with open_trace_dat(path) as trace:
        for _ in trace.records():
            pass
        return sum(trace.counts_by_event().values())


def test_the_pass_reads_every_event_where_it_can_be_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = build_c_pass(tmp_path)
    if program is None:
        assert "no comparison with libtracecmd" in capsys.readouterr().out
        return
    for name in EXAMPLES:
        path = ROOT / "docs" / "examples" / name
        read = subprocess.run([str(program), str(path)], check=True, capture_output=True, text=True)
        events, undescribed, fields, _ = map(int, read.stdout.split())
        assert (events, undescribed) == (decoded(path), 0)
        assert fields > 4 * events  # of each at least what all events have in common


def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, script in (("gcc", "exit 0"), ("pkg-config", "exit 1")):
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build_c_pass(tmp_path) is None
    printed = capsys.readouterr().out
    assert all(package in printed for package in C_PACKAGES)
    (tmp_path / "gcc").unlink()
    assert build_c_pass(tmp_path) is None
    assert "gcc" in capsys.readouterr().out
