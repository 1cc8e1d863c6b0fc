"""The README's way from a clone to a map of a real recording, as a stranger would go it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.forking import run

Summary = dict[str, Any]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "convwork.dat"


def gmemscope(*arguments: str | Path) -> Summary:
    result = run([*arguments, "--json"], cwd=ROOT)
    assert result.returncode == 0, result.stderr
    answer: Summary = json.loads(result.stdout)
    return answer


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("example") / "gmemscope.db"


@pytest.fixture(scope="module")
def summary(database: Path) -> Summary:
    return gmemscope("import", EXAMPLE, "--database", database)


def test_example_has_the_conversions_that_its_description_tells(summary: Summary) -> None:
    """By the ground truth of that run: 689 calls, of which 6 EINVAL, 1 EBADF and 1 EFAULT."""
    counts = {name: summary["conversions"][name] for name in ("requested", "applied", "failed")}
    assert counts == {"requested": 689, "applied": 681, "failed": 8}
    assert summary["conversions"]["unconfirmed"] == 0
    assert summary["lost_events"] == 0


def test_example_has_three_vms(summary: Summary) -> None:
    assert len({vm["vm_fd"] for vm in summary["vms"]} - {None}) == 2, "fd 7 is used twice"
    assert len([vm for vm in summary["vms"] if vm["vm_fd"] is not None]) == 3


def test_list_shows_the_imported_vms(summary: Summary, database: Path) -> None:
    shown = json.dumps(gmemscope("list", "--database", database))
    assert all(f'"{vm["name"]}"' in shown for vm in summary["vms"] if vm["vm_fd"] is not None)
