"""What an import may take is limited, and what it stored before it came to a limit is kept."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from app.store.database import open_database
from app.store.read import Reader
from tests.forking import Forked

ROOT = Path(__file__).parents[2]
CREATION = "1000 2000 7 7 vmm CREATE_VM fd=3 type=0 ret=5\n"
MOST_S = 120
IMPORTS = 100


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several seconds of CPU time on any machine, and some MiB."""
    return write_log(tmp_path_factory.mktemp("logs") / "long.txt", 250_000)


def write_log(path: Path, conversions: int) -> Path:
    """Of conversions anywhere in memory: there is no order in them that could be packed."""
    random = Random(1)
    with path.open("w") as file:
        file.write(f"# conv.bt v1\n{CREATION}")
        for i in range(conversions):
            address, attributes = random.randrange(1 << 28) << 12, 8 * random.randrange(2)
            file.write(
                f"{3000 + i} {3000 + i} 7 7 vmm SET_MEMORY_ATTRIBUTES fd=5 address={address:#x}"
                f" size=0x1000 attributes={attributes:#x} flags=0x0 ret=0\n"
            )
    return path


def start(path: Path, database: Path, *options: str, times: int = 1) -> Forked:
    """`times`: how often the file is imported, one after the other."""
    command = ["import", *[path] * times, "--json", *options, "--database", database]
    pipe = subprocess.PIPE
    return Forked(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe)


def kept(database: Path) -> list[tuple[str, str | None]]:
    recordings = Reader(open_database(str(database))).recordings()
    return [(recording.state, recording.incomplete_reason) for recording in recordings]


def test_time_is_limited(long_log: Path, tmp_path: Path) -> None:
    process = start(long_log, tmp_path / "a.db", "--cpu-limit", "1")
    printed, said = process.communicate(timeout=MOST_S)
    assert process.returncode == 1
    assert "it took more than 1 s of CPU time, which is the limit of an import; kept " in said
    assert json.loads(printed)["state"] == "incomplete"
    ((state, reason),) = kept(tmp_path / "a.db")
    assert state == "incomplete"
    assert "more than 1 s of CPU time" in (reason or "")


def test_memory_is_limited(long_log: Path, tmp_path: Path) -> None:
    """Of a process that starts, as what is imported under the limit counts."""
    command = [sys.executable, "-m", "app.cli", "import", str(long_log), "--json"]
    limit = ["--memory-limit", str(160 << 20), "--database", str(tmp_path / "a.db")]
    ended = subprocess.run(
        [*command, *limit], cwd=ROOT, capture_output=True, text=True, timeout=MOST_S
    )
    assert ended.returncode == 1
    assert "it takes more memory than 160 MiB, which is the limit of an import" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert {state for state, _ in kept(tmp_path / "a.db")} <= {"incomplete"}


def test_room_in_the_database_is_limited(long_log: Path, tmp_path: Path) -> None:
    process = start(long_log, tmp_path / "a.db", "--output-limit", str(1 << 20))
    _, said = process.communicate(timeout=MOST_S)
    assert process.returncode == 1
    assert "the database would grow by more than 1 MiB, which is the limit of an import" in said
    assert {state for state, _ in kept(tmp_path / "a.db")} <= {"incomplete"}


def test_one_that_is_watched_ends_with_its_watcher(tmp_path: Path) -> None:
    """Its standard input is a pipe, whose other end closes however the watcher ends.

    The first progress comes at the end of a file of this size: many more are left to do then.
    """
    log = write_log(tmp_path / "log.txt", 10_000)
    with start(log, tmp_path / "a.db", "--watched", "--again", times=IMPORTS) as process:
        assert process.stderr is not None
        assert process.stdin is not None
        assert process.stderr.readline().startswith("{")  # it is at work
        process.stdin.close()
        assert process.wait(MOST_S) != 0
    finished = kept(tmp_path / "a.db")
    assert len(finished) < IMPORTS
    assert {state for state, _ in finished} <= {"complete"}
