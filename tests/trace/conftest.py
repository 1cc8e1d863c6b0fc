import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings, or a skip that says what is missing."""
    told = os.environ.get("GMEMSCOPE_RECORDINGS")
    beside = Path(__file__).resolve().parents[3] / "shared" / "recordings"
    folder = Path(told) if told else beside
    if not folder.is_dir():
        pytest.skip(f"no recordings: {folder} is missing (set GMEMSCOPE_RECORDINGS)")
    return folder


@pytest.fixture(scope="session")
def trace_cmd() -> str:
    """The program that every decoded row is compared with."""
    program = shutil.which("trace-cmd")
    if program is None:
        pytest.skip("trace-cmd is not installed (apt install trace-cmd)")
    return program
