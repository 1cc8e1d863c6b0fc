"""A database on a full disk, or where nothing may be written: it is read, and what ended a
recording is told."""

import ctypes
import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from app.queries.inventory import recording_views
from app.store.database import open_database, open_or_make
from app.store.errors import NotWritable, StoreError
from app.store.read import Reader
from app.store.write import RecordingWriter
from tests.acting import as_nobody, only_root
from tests.store.histories import HEADER, IDENTITY, random_events

_LIBC = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_REMOUNT, MNT_DETACH = 1, 32, 2
FULL = "the disk is full; what was committed before is kept"

Remount = Callable[[str], None]


def mount(target: Path, flags: int, options: str) -> int:
    """0, or the error's number."""
    done = _LIBC.mount(b"none", str(target).encode(), b"tmpfs", flags, options.encode())
    return 0 if done == 0 else ctypes.get_errno()


@pytest.fixture
def disk(open_folder: Path) -> Iterator[Path]:
    """A file system of its own: 16 MiB."""
    folder = open_folder / "disk"
    folder.mkdir()
    failure = mount(folder, 0, "size=16m,mode=755")
    if failure in (errno.EPERM, errno.EACCES):
        pytest.skip("hardware: nothing can be mounted on this machine")
    assert failure == 0, os.strerror(failure)
    yield folder
    _LIBC.umount2(str(folder).encode(), MNT_DETACH)


def resize(disk: Path, size: str) -> None:
    assert mount(disk, MS_REMOUNT, f"size={size}") == 0


def protect(disk: Path) -> None:
    assert mount(disk, MS_REMOUNT | MS_RDONLY, "") == 0


def fill(disk: Path) -> None:
    """Take all that is left of a disk."""
    with (disk / "filling").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            while True:
                try:
                    file.write(bytes(size))
                except OSError:
                    break


def record(path: Path, count: int = 3000) -> None:
    engine = open_database(path)
    with RecordingWriter(engine, HEADER, segment_events=500) as writer:
        writer.append(writer.add_vm(IDENTITY), random_events(count))
    engine.dispose()


def read_all(path: Path) -> list[tuple[str, int]]:
    """(state, number of events read) of each recording."""
    engine = open_database(path, must_exist=True)
    reader = Reader(engine)
    found = []
    for view in recording_views(reader):
        parts = [len(part) for vm in view.vms for part, _ in reader.iter_events(vm)]
        found.append((view.state, sum(parts)))
    engine.dispose()
    return found


def run(*arguments: str) -> tuple[int, str]:
    """Exit status and what the command says, as `main` would."""
    result = CliRunner().invoke(cli.app, arguments)
    error = result.exception
    if isinstance(error, Exception) and not isinstance(error, SystemExit):
        status = cli.exit_status(error)
        assert status is not None, repr(error)
        return status, str(error)
    return result.exit_code, result.output


IMPORT = ("import", "docs/examples/convwork.dat", "--again")
SIMULATE = ("simulate", "boot-and-storm", "--duration", "3")


@pytest.mark.parametrize("command", [IMPORT, SIMULATE], ids=lambda command: command[0])
@pytest.mark.parametrize("size", ["44k", "76k", "120k", "152k"])
def test_a_command_that_fills_the_disk_says_so_and_so_does_its_recording(
    disk: Path, command: tuple[str, ...], size: str
) -> None:
    path = disk / "live.db"
    resize(disk, size)
    status, said = run(*command, "--database", str(path))
    assert (status, said) == (1, f"{path}: {FULL}")
    resize(disk, "16m")
    engine = open_database(path)
    for view in recording_views(Reader(engine)):
        assert view.state == "incomplete"
        assert FULL in str(view.incomplete_reason)
    engine.dispose()
    record(path)
    assert read_all(path)[-1] == ("complete", 3000)


def test_a_full_disk_is_read(disk: Path) -> None:
    path = disk / "live.db"
    record(path)
    fill(disk)
    assert read_all(path) == [("complete", 3000)]
    for command in (("list",), ("storms", "1"), ("check",), ("export", "1", "--what", "state")):
        assert run(*command, "--database", str(path))[0] == 0
    status, said = run(*SIMULATE, "--database", str(path))
    assert (status, said) == (1, f"{path}: {FULL}")
    status, said = run("report", "1", "-o", str(disk / "out.html"), "--database", str(path))
    assert (status, said) == (1, f"{disk / 'out.html'}: No space left on device")
    (disk / "filling").unlink()
    record(path, 10)
    assert read_all(path) == [("complete", 3000), ("complete", 10)]


@pytest.mark.parametrize("reads", [read_all, as_nobody], ids=["root", "another user"])
def test_a_read_only_mount_is_read(disk: Path, reads: Callable[..., object]) -> None:
    path = disk / "live.db"
    record(path)
    path.chmod(0o644)
    protect(disk)
    got = read_all(path) if reads is read_all else as_nobody(lambda: read_all(path))
    assert got == [("complete", 3000)]
    with pytest.raises(StoreError, match="may not be written: it lies on a read-only file system"):
        open_database(path)
    with pytest.raises(StoreError, match="there is no database"):
        open_database(disk / "other.db", must_exist=True)


WRITE = """
import sys
sys.path.append(sys.argv[2])
from tests.store.histories import HEADER, IDENTITY, random_events
from app.store.database import open_database
from app.store.write import RecordingWriter
engine = open_database(sys.argv[1])
with RecordingWriter(engine, HEADER, is_live=True, segment_events=500) as writer:
    vm_id = writer.add_vm(IDENTITY)
    events = random_events(3000)
    writer.append(vm_id, events)
    print("stored", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def live(disk: Path) -> Iterator[tuple[Path, "subprocess.Popen[str]"]]:
    """A database that another process writes, with its latest commits in the log beside it."""
    path = disk / "live.db"
    arguments = [sys.executable, "-c", WRITE, str(path), str(Path(__file__).parents[2])]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "stored\n"
        yield path, writer
        writer.kill()


@only_root
def test_who_may_only_read_sees_a_living_writers_commits(
    live: tuple[Path, "subprocess.Popen[str]"],
) -> None:
    path, _ = live
    for one in path.parent.iterdir():
        one.chmod(0o644)
    got = as_nobody(lambda: read_all(path))
    assert got[0][0] == "writing"
    assert got[0][1] >= 2500


def test_a_dead_writers_log_on_a_read_only_mount_is_read_or_named(
    live: tuple[Path, "subprocess.Popen[str]"],
) -> None:
    path, writer = live
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    protect(path.parent)
    ((state, count),) = read_all(path)
    assert state == "incomplete"
    assert count >= 2500
    assert mount(path.parent, MS_REMOUNT, "") == 0
    path.with_name("live.db-shm").unlink()
    protect(path.parent)
    with pytest.raises(StoreError, match=r"live\.db-wal beside it holds what was written last"):
        read_all(path)


@only_root
def test_another_users_database_is_read_where_nothing_may_be_written(open_folder: Path) -> None:
    path = open_folder / "live.db"
    record(path)
    path.chmod(0o644)
    before = sorted(one.name for one in open_folder.iterdir())
    assert as_nobody(lambda: read_all(path)) == [("complete", 3000)]
    assert sorted(one.name for one in open_folder.iterdir()) == before

    def write() -> str:
        try:
            open_database(path)
        except StoreError as error:
            return str(error)
        return "nothing"

    assert "may not be written" in as_nobody(write)


@only_root
def test_a_file_read_alone_gives_no_answer_that_mixes_two_states(open_folder: Path) -> None:
    path = open_folder / "live.db"
    record(path)
    path.chmod(0o644)
    copy = Path(shutil.copy(path, open_folder / "copy.db"))

    def read_while_it_changes() -> str:
        engine = open_database(path, must_exist=True)
        reader = Reader(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM vm")
            os.write(told, b"1")
            os.read(changed, 1)
            try:
                connection.exec_driver_sql("SELECT count(*) FROM vm")
            except StoreError as error:
                return f"{error}; then {len(reader.vms())} VM"
        return "nothing"

    reading, told = os.pipe()
    changed, go_on = os.pipe()
    if (child := os.fork()) == 0:
        os.read(reading, 1)
        with path.open("r+b") as file:
            file.write(copy.read_bytes())
        os.utime(path, (1, 1))
        os.write(go_on, b"1")
        os._exit(0)
    said = as_nobody(read_while_it_changes)
    os.waitpid(child, 0)
    assert said == f"{path}: it was written meanwhile; ask again; then 1 VM"


def test_a_limit_of_file_sizes_is_known(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *SIMULATE, "--database", str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"gmemscope: {path}: the ")
    assert "Traceback" not in done.stderr
    engine = open_database(path)
    (view,) = recording_views(Reader(engine))
    assert view.state == "incomplete"
    assert str(path) in str(view.incomplete_reason)
    engine.dispose()


def test_a_reason_that_cannot_be_stored_is_kept_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "live.db"
    engine = open_database(path)

    def fail(writer: RecordingWriter, **unused: object) -> None:
        raise NotWritable(f"{path}: {FULL}")

    with (
        monkeypatch.context() as broken,
        pytest.raises(NotWritable),
        RecordingWriter(engine, HEADER),
    ):
        broken.setattr(RecordingWriter, "_commit", fail)
    reading = open_database(path, read_only=True)
    (shown,) = recording_views(Reader(reading))
    assert (shown.state, FULL in str(shown.incomplete_reason)) == ("incomplete", True)
    reading.dispose()
    engine.dispose()
    engine = open_database(path)
    (stored,) = recording_views(Reader(engine))
    assert stored == shown
    with RecordingWriter(engine, HEADER):
        pass
    engine.dispose()
    engine = open_database(path)
    assert [one.state for one in Reader(engine).recordings()] == ["incomplete", "complete"]
    engine.dispose()


def test_what_must_exist_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "mistyped.db"
    for command in (("list",), ("export", "1", "--what", "state"), ("storms", "1"), ("check",)):
        status, said = run(*command, "--database", str(path))
        assert (status, said) == (1, f"{path}: there is no database; --database names it")
    output = str(tmp_path / "out.html")
    assert run("report", "1", "-o", output, "--database", str(path))[0] == 1
    assert run("serve", "--port", "0", "--database", str(path))[0] == 1
    assert list(tmp_path.iterdir()) == []
    open_or_make(path).dispose()
    assert run("list", "--database", str(path))[0] == 0
