"""Files made to do harm end in a clear error, or as recordings marked incomplete."""

import json
from pathlib import Path

import pytest

from app.store.database import open_database
from app.store.read import Reader
from tests.forking import run
from tests.hostile.importing import HOSTILE, ROOT, check, imported, unpacked

NAMES = [path.stem for path in sorted(HOSTILE.glob("*.xz"))]
SAID = {
    "bomb_cpus_200x256MiB": "its data would be that of another one, too",
    "bomb_section_4GiB_declared_claims100.dat": "it declares 4294967296 bytes, not 100",
    "bt2min.txt": "1 lines are damaged",
    "clock_start_overflow.dat": "of its clock: it is damaged; nothing was kept",
    "cpu_ffffffff_segv.dat": "CPU 4294967295: no kernel has one of that number",
    "hex_date": "where a number of 64 bits should be",
    "many_refs_20000": "a compressed block of 367 bytes claims to hold 1731012",
    "pagesize0": "pages of 0 bytes: the file is damaged; nothing was kept",
    "segv110.txt": "lines are damaged",
    "time_2e63.dat": "the page's time does not fit between its neighbours'",
}
"""span30d.txt is a sound file; what it hurts are those who look at it."""


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_file_is_refused_or_kept_as_incomplete(tmp_path: Path, name: str) -> None:
    database = tmp_path / "hostile.db"
    ended = imported([unpacked(name, tmp_path)], database)
    check(ended)
    assert ended.status == (name in SAID)
    assert SAID.get(name, "") in ended.said
    states = {recording.state for recording in Reader(open_database(str(database))).recordings()}
    assert states <= ({"incomplete"} if name in SAID else {"complete"})


def test_conversions_that_no_event_could_tell_of_are_not_counted_as_0(tmp_path: Path) -> None:
    path = unpacked("hex_date", tmp_path)
    command = ["import", path, "--database", tmp_path / "a.db"]
    told = run(command, cwd=ROOT)
    assert "conversions not recorded" in told.stdout
    assert "0 conversions" not in told.stdout
    told = run([*command, "--again", "--json"], cwd=ROOT)
    counts = json.loads(told.stdout)["conversions"]
    assert {
        name: counts[name] for name in ("requested", "applied", "failed", "effective_pages")
    } == {
        "requested": None,
        "applied": None,
        "failed": None,
        "effective_pages": None,
    }
