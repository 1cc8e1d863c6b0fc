"""The command line as a whole: what it offers, how fast it starts, how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from app.errors import CommandError, HostError, UsageError
from app.store.errors import StoreError, WriterBusy
from collector.trace.errors import InputError

HEAVY = ("numpy", "numba", "pyarrow", "sqlalchemy", "fastapi", "uvicorn")


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(cli.app, ["--help"]).output

    for name in (
        "demo",
        "serve",
        "import",
        "simulate",
        "list",
        "delete",
        "prune",
        "export",
        "recipe",
        "warm",
    ):
        assert f" {name} " in shown


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, app.cli; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not set(ran.stdout.split()) & set(HEAVY)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CommandError("bad"), 1),
        (InputError(Path("trace.dat"), 4096, "cut short"), 1),
        (StoreError("the disk is full"), 1),
        (WriterBusy("gmemscope.db", 12), 1),
        (UsageError("not together"), 2),
        (HostError("no tracefs"), 3),
    ],
)
def test_expected_errors_end_with_a_line_and_a_status(
    error: Exception,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == status
    assert capsys.readouterr().err == f"gmemscope: {error}\n"


def test_a_bug_is_not_dressed_up_as_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KeyError("bug")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(KeyError):
        cli.main()


def test_wrong_usage_ends_with_two() -> None:
    assert CliRunner().invoke(cli.app, ["export"]).exit_code == 2
    assert CliRunner().invoke(cli.app, ["no-such-command"]).exit_code == 2


@pytest.mark.parametrize("arguments", [("recipe", "trace-cmd"), ("simulate", "--list")])
def test_a_full_disk_behind_standard_output_is_reported(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "gmemscope: [Errno 28] No space left on device\n")
