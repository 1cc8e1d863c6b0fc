"""`gmemscope collect` where it cannot work: status 3 and what is missing."""

import shutil
import sys
from pathlib import Path

import pytest

from app.cli import main
from app.store.database import WriterLock, open_database
from collector.capture import privileges


def status_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["gmemscope", "collect", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process may trace, and the kernel can be traced."""
    monkeypatch.setattr(privileges, "missing_for", lambda source: ())
    (tmp_path / "syscalls" / "sys_enter_ioctl").mkdir(parents=True)
    monkeypatch.setattr("app.commands.recording._collect.TRACED", tmp_path)


def test_what_is_missing_is_named_for_each_source(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lacking = {"tracefs": ("CAP_DAC_OVERRIDE",), "bpftrace": ("CAP_BPF", "CAP_PERFMON")}
    monkeypatch.setattr(privileges, "missing_for", lacking.__getitem__)
    assert status_of(monkeypatch, "--database", str(tmp_path / "live.db")) == 3
    said = capsys.readouterr().err
    assert "by tracefs: CAP_DAC_OVERRIDE; by bpftrace: CAP_BPF and CAP_PERFMON" in said
    assert "use sudo" in said
    assert not (tmp_path / "live.db").exists()


def test_source_that_is_asked_for_must_be_possible(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = {"tracefs": (), "bpftrace": ("CAP_BPF",)}
    monkeypatch.setattr(privileges, "missing_for", lacking.__getitem__)
    assert status_of(monkeypatch, "--source", "bpftrace") == 3
    assert "(by bpftrace: CAP_BPF)" in capsys.readouterr().err


@pytest.mark.usefixtures("able")
def test_auto_takes_the_source_that_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lacking = {"tracefs": ("CAP_DAC_OVERRIDE",), "bpftrace": ()}
    monkeypatch.setattr(privileges, "missing_for", lacking.__getitem__)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert status_of(monkeypatch, "--database", str(tmp_path / "live.db")) == 3
    said = capsys.readouterr().err
    assert "source bpftrace: tracefs lacks CAP_DAC_OVERRIDE" in said
    assert "install the package bpftrace" in said


@pytest.mark.usefixtures("able")
def test_needs_bpftrace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    database = str(tmp_path / "live.db")
    assert status_of(monkeypatch, "--source", "bpftrace", "--database", database) == 3
    assert "install the package bpftrace" in capsys.readouterr().err


@pytest.mark.usefixtures("able")
def test_database_that_is_being_written_is_refused_before_anything_is_traced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    engine = open_database(tmp_path / "live.db")
    arguments = ("--source", "bpftrace", "--database", str(tmp_path / "live.db"))
    with WriterLock(engine):
        assert status_of(monkeypatch, *arguments) == 1
    engine.dispose()
    said = capsys.readouterr().err
    assert "live.db is being written by process" in said
    assert "use another --database" in said


@pytest.mark.usefixtures("able")
def test_names_the_process_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(monkeypatch, "--pid", "4194305") == 3
    assert "there is no process 4194305" in capsys.readouterr().err


def test_knows_its_sources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(monkeypatch, "--source", "perf") == 2
    assert "auto, tracefs, bpftrace" in capsys.readouterr().err


def test_duration_is_positive(monkeypatch: pytest.MonkeyPatch) -> None:
    assert status_of(monkeypatch, "--duration", "0") == 2


def test_armed_recordings_are_not_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(monkeypatch, "--continue", "--armed") == 2
    assert "--continue does not go with --armed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--keep", "5min"], "--keep is 10 minutes at least"),
        (["--keep-size", "20M"], "--keep-size is 256 MiB at least"),
        (["--keep-storms", "90d"], "--keep-storms goes with --keep or --keep-size"),
        (["--keep", "7d", "--keep-storms", "1d"], "--keep-storms is no less than --keep"),
        (["--keep", "long"], "write 7d"),
    ],
)
def test_what_is_to_be_kept_is_possible(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    said: str,
) -> None:
    assert status_of(monkeypatch, *given) == 2
    assert said in capsys.readouterr().err
