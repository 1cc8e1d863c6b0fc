"""The types of the browser's scripts are those that the server's OpenAPI gives now."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TYPES = "static/js/shared/rest_types.d.ts"


def test_the_browser_knows_the_answers_that_the_server_gives() -> None:
    made = subprocess.run(
        [sys.executable, "scripts/rest_types.py"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    differs = f"{TYPES} is not what OpenAPI gives: scripts/rest_types.py > {TYPES} makes it anew"
    assert (ROOT / TYPES).read_text() == made.stdout, differs
