"""What the repository must not contain: machine paths, download addresses, foreign files."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LARGEST_FILE = 1_500_000
LARGEST_SCREENSHOT = 300_000

MACHINE_PATH = re.compile(r"(?<![\w.>})/])/(?:(?:home|Users)/\w+|work|root|mnt)/\w")
DOWNLOAD_ADDRESS = re.compile(
    r'"resolved":\s*"https?:|--(?:extra-)?index-url\b|https?://\S+\.(?:whl|tgz|tar\.gz|deb)\b'
)


def tracked_files() -> list[Path]:
    """Every file that git tracks, or would after `git add`; skips outside of a checkout."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    names = listing.stdout.decode().split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tracked_files():
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if pattern.search(line.decode(errors="replace")):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    return found


def test_no_path_of_one_machine() -> None:
    assert lines_matching(MACHINE_PATH) == []


def test_no_download_address() -> None:
    assert lines_matching(DOWNLOAD_ADDRESS) == []


def test_no_third_party_asset_is_tracked() -> None:
    foreign = [p for p in tracked_files() if ".min." in p.name or "vendor" in p.parts]
    assert foreign == []


def test_no_large_file_is_tracked() -> None:
    assert [p for p in tracked_files() if p.stat().st_size >= LARGEST_FILE] == []


def test_screenshots_are_small() -> None:
    images = [p for p in tracked_files() if ROOT / "docs" in p.parents and p.suffix == ".png"]
    assert [p for p in images if p.stat().st_size >= LARGEST_SCREENSHOT] == []


def test_version_without_git_names_the_newest_release() -> None:
    """How many commits follow it only git knows."""
    (newest,) = re.findall(r"^## (\d.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[:1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools_scm"]["fallback_version"] == f"{newest}+unknown"


def test_every_locked_package_is_pinned_by_hash() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        requirements = re.split(r"\n(?=\S)", lock.read_text().replace("\\\n", ""))
        pinned = [r for r in requirements if not r.startswith("#") and r.strip()]
        assert pinned
        assert [r.split()[0] for r in pinned if "==" not in r or "--hash=sha256:" not in r] == []
