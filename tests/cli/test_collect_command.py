"""`gmemscope collect` where it cannot work: status 3 and what is missing."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from app.cli import main
from collector.sources.choice import choose


def status_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["gmemscope", "collect", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_needs_root(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert status_of(monkeypatch, "--database", str(tmp_path / "live.db")) == 3
    assert "needs root" in capsys.readouterr().err
    assert not (tmp_path / "live.db").exists()


def test_needs_bpftrace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("app.commands.collect.TRACED", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert (
        status_of(monkeypatch, "--source", "bpftrace", "--database", str(tmp_path / "live.db")) == 3
    )
    assert "install the package bpftrace" in capsys.readouterr().err


def test_names_the_process_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("app.commands.collect.TRACED", tmp_path)
    assert status_of(monkeypatch, "--pid", "4194305") == 3
    assert "there is no process 4194305" in capsys.readouterr().err


def test_knows_its_sources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(monkeypatch, "--source", "perf") == 2
    assert "auto, tracefs, bpftrace" in capsys.readouterr().err


def test_source_is_chosen_by_what_the_host_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert choose().name == "tracefs"
    assert "bpftrace is not installed" in choose().reason
    monkeypatch.setattr(shutil, "which", lambda name: name)
    assert choose().name == "bpftrace"


def test_duration_is_positive(monkeypatch: pytest.MonkeyPatch) -> None:
    assert status_of(monkeypatch, "--duration", "0") == 2
