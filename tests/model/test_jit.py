"""Compiled code that is kept must be that of the sources as they are."""

import subprocess
import sys
from pathlib import Path


def run(folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", "import whole; print(whole.answer(1))"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def write(folder: Path, name: str, body: str) -> None:
    source = f"from app.model.jit import hot_in_place, hot_part\n{body}\n"
    (folder / f"{name}.py").write_text(source)


def test_function_is_compiled_anew_when_one_in_another_file_changed(tmp_path: Path) -> None:
    write(tmp_path, "whole", "import part\n@hot_in_place\ndef answer(x):\n    return part.of(x)")
    write(tmp_path, "part", "@hot_part\ndef of(x):\n    return x + 10")
    assert run(tmp_path) == "11"
    write(tmp_path, "part", "@hot_part\ndef of(x):\n    return x + 20")
    assert run(tmp_path) == "21"
