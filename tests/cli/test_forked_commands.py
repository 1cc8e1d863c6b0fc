"""What the tests fork in place of commands they would start is no different."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forking import Forked, run

PIPE = subprocess.PIPE


@pytest.mark.parametrize(
    "arguments",
    [["export"], ["list", "--database", "none.db"], ["import", "none.dat"], ["simulate", "--list"]],
    ids=" ".join,
)
def test_status_and_output_are_those_of_a_command_that_starts(
    tmp_path: Path, arguments: list[str]
) -> None:
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path), "COLUMNS": "70"}
    root = str(Path(__file__).parents[2])
    started = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    forked = run(arguments, cwd=tmp_path, env=environment)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )


def test_each_is_a_child_with_files_and_a_folder_of_its_own(tmp_path: Path) -> None:
    database = tmp_path / "live.db"
    command = ["simulate", "--live", "--database", database.name]
    with (tmp_path / "out").open("w") as out:
        one = Forked(command, cwd=tmp_path, stdin=PIPE, stdout=out, stderr=PIPE)
    try:
        assert one.stderr is not None
        assert "live" in one.stderr.readline()
        assert one.poll() is None
        process = Path(f"/proc/{one.pid}")
        assert f"PPid:\t{os.getpid()}\n" in (process / "status").read_text()
        assert (process / "cwd").readlink() == tmp_path
        assert (process / "fd" / "1").readlink() == tmp_path / "out"
        opened = {file.readlink().name for file in (process / "fd").iterdir()}
        assert not any(name.startswith("socket:") for name in opened)
        one.send_signal(signal.SIGKILL)
        assert one.wait(60) == -signal.SIGKILL
    finally:
        one.kill()
        one.communicate()


def test_what_takes_effect_as_python_starts_is_refused() -> None:
    with pytest.raises(AssertionError, match="NUMBA_BOUNDSCHECK"):
        run(["list"], env=os.environ | {"NUMBA_BOUNDSCHECK": "1"})
