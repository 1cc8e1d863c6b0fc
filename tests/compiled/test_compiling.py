"""Processes that compile the same loops at the same time."""

import os
import subprocess
import sys
from pathlib import Path

LOOP = """
from app.compiled import hot_in_place

@hot_in_place
def total(numbers):
    result = 0
    for i in range(numbers.size):
        result += numbers[i]
    return result
"""
SCRIPT = """
import sys
import numpy as np
from loop import total

for turn in sys.argv[1:]:
    numbers = np.arange(20, dtype=turn.split(":")[0])[::int(turn.split(":")[1])]
    assert total(numbers) == numbers.sum(), turn
"""
TURNS = ["u1:1", "i2:1", "i8:1", "u1:3", "i2:3", "i8:3"]


def test_processes_that_compile_one_loop_at_once_keep_the_code_of_all(tmp_path: Path) -> None:
    """Each for another kind of array first: what one keeps, the others must find under its kind."""
    (tmp_path / "loop.py").write_text(LOOP)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    def started(*turns: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", SCRIPT, *turns]
        return subprocess.Popen(command, cwd=tmp_path, env=environment)

    together = [started(*TURNS), started(*reversed(TURNS))]
    assert [process.wait() for process in together] == [0, 0]
    assert len(list((tmp_path / "kept").rglob("*.nbc"))) == len(TURNS)
    assert started(*TURNS).wait() == 0
    assert len(list((tmp_path / "kept").rglob("*.nbc"))) == len(TURNS)
