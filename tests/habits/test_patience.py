"""A test that hangs fails within bounded time, whatever it hangs in."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLUGIN = Path(__file__).parents[1] / "patience.py"
HANGING = """
    import os, subprocess, sys
    import pytest

    UNTIL_WE_END, _ = os.pipe()
    CHILD = [sys.executable, "-c", "import sys; sys.stdin.read()"]

    def test_hangs_twice():
        # Leaving it waits for the child once more.
        with subprocess.Popen(CHILD, stdin=UNTIL_WE_END) as child:
            child.wait()

    @pytest.fixture
    def endless():
        yield
        with subprocess.Popen(CHILD, stdin=UNTIL_WE_END) as child:
            child.wait()

    def test_hangs_in_its_fixture(endless): pass

    def test_does_not_hang(): pass
"""


@pytest.mark.parametrize(
    "options", [(), ("-p", "xdist.plugin", "-n", "1")], ids=["", "in a worker"]
)
def test_test_that_hangs_fails_and_the_next_one_runs(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("TEST_PATIENCE_S", "0.5")
    pytester.makeconftest(PLUGIN.read_text())
    pytester.makepyfile(HANGING)
    result = pytester.runpytest_subprocess(*options)
    result.stdout.fnmatch_lines(["*it was not over after 0.5 s*"])
    assert result.parseoutcomes() == {"failed": 1, "passed": 2, "errors": 1}
