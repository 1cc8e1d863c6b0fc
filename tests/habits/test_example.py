"""The README's way from a clone to a map of a real recording, as a stranger would go it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

Summary = dict[str, Any]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "convwork.dat"


def gmemscope(*arguments: str | Path) -> Summary:
    command = [sys.executable, "-m", "app.cli", *map(str, arguments), "--json"]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
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
