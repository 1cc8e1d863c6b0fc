"""Compiled code that is kept must be that of the sources as they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.model import keptcode


def run(folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", "import whole; print(whole.answer(1))"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_where_another_user_installed_it_the_users_cache_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert keptcode.cache_folder(tmp_path) == tmp_path / "__pycache__"
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert keptcode.cache_folder(tmp_path) == tmp_path / "cache" / "gmemscope" / tmp_path.name


def write(folder: Path, name: str, body: str) -> None:
    source = f"from app.model.jit import hot_in_place, hot_part\n{body}\n"
    (folder / f"{name}.py").write_text(source)


def test_function_is_compiled_anew_when_one_in_another_file_changed(tmp_path: Path) -> None:
    write(tmp_path, "whole", "import part\n@hot_in_place\ndef answer(x):\n    return part.of(x)")
    write(tmp_path, "part", "@hot_part\ndef of(x):\n    return x + 10")
    assert run(tmp_path) == "11"
    write(tmp_path, "part", "@hot_part\ndef of(x):\n    return x + 20")
    assert run(tmp_path) == "21"
