"""The browser's pure modules, under node: their tests are the *.test.js files here."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from app.queries.events._filters import CHOICES

ROOT = Path(__file__).parents[2]


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    command = [program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_modules_do_what_their_tests_say() -> None:
    tests = sorted(str(path) for path in Path(__file__).parent.glob("*.test.js"))
    done = node("--test", "--test-reporter=spec", *tests)
    assert done.returncode == 0, done.stdout
    assert "\u2139 fail 0" in done.stdout


def test_scripts_know_every_value_that_the_server_does() -> None:
    script = (
        "import { CHOICES } from './static/js/shared/event_kinds.js';"
        "console.log(JSON.stringify(CHOICES));"
    )
    done = node("--input-type=module", "--eval", script)
    offered = json.loads(done.stdout)
    assert {name: set(values) for name, values in offered.items()} == {
        name: set(values) for name, values in CHOICES.items()
    }
