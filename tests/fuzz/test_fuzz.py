"""A short campaign of mutated recordings and databases, the same ones each time.

`make fuzz` runs a long one with others.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = 40
SEED = 1


@pytest.mark.parametrize("checked", [False, True], ids=["as always", "with bounds checked"])
def test_whatever_is_read_no_more_than_an_error_comes_of_it(tmp_path: Path, checked: bool) -> None:
    """A process of its own, as compiled code that goes astray takes it down."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    if checked:
        environment["NUMBA_BOUNDSCHECK"] = "1"
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.campaign"]
    ended = subprocess.run(
        [*command, "--cases", str(CASES), "--seed", str(SEED), "--keep", str(tmp_path / "failed")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-8000:]
