"""A skip in CI fails, unless it names missing hardware."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLUGIN = Path(__file__).parents[1] / "skips.py"


@pytest.fixture(autouse=True)
def without_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest alone starts several times faster."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def outcomes(pytester: pytest.Pytester, source: str) -> dict[str, int]:
    pytester.makeconftest(PLUGIN.read_text())
    pytester.makepyfile(source)
    return pytester.runpytest_subprocess().parseoutcomes()


SKIPPED = """
    import pytest
    @pytest.mark.skip(reason="{reason}")
    def test_marked(): pass
    def test_called(): pytest.skip("{reason}")
"""


def test_skip_fails_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert outcomes(pytester, SKIPPED.format(reason="no chromium")) == {"failed": 1, "errors": 1}


def test_skip_for_missing_hardware_stays_a_skip(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    assert outcomes(pytester, SKIPPED.format(reason="hardware: no /dev/kvm")) == {"skipped": 2}


def test_skip_of_a_whole_file_fails_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    source = "import pytest\npytest.skip('no recordings', allow_module_level=True)"
    assert outcomes(pytester, source) == {"errors": 1}


def test_expected_failure_is_no_skip(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    source = "import pytest\ndef test_x(): pytest.xfail('known')"
    assert outcomes(pytester, source) == {"xfailed": 1}


def test_skip_is_a_skip_elsewhere(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert outcomes(pytester, SKIPPED.format(reason="no chromium")) == {"skipped": 2}
