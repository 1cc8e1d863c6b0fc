"""Nothing that others put in its way leads a database's files elsewhere."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from app.store.database import WriterLock, acting_as, find_place, open_database, stay_able_to_act_as
from app.store.database._place import Owner
from app.store.errors import StoreError
from app.store.read import Reader
from app.store.write import RecordingWriter
from tests.acting import NOBODY, as_nobody, only_root
from tests.store.histories import HEADER, IDENTITY, random_events

OF_ROOTS_GROUPS = 12_345
ENDINGS = ["", "-wal", "-shm", "-journal", ".lock"]


def record(path: Path) -> None:
    engine = open_database(path)
    with RecordingWriter(engine, HEADER) as writer:
        writer.append(writer.add_vm(IDENTITY), random_events(50))
    engine.dispose()


@pytest.fixture
def theirs(open_folder: Path) -> Path:
    """A folder of another user's."""
    folder = open_folder / "theirs"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    return folder


def plant_link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def plant_fifo(path: Path, target: Path) -> None:
    os.mkfifo(path)


def plant_folder(path: Path, target: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("ending", ENDINGS[1:])
@pytest.mark.parametrize("plant", [plant_link, plant_fifo, plant_folder])
def test_what_is_no_file_is_not_opened(
    tmp_path: Path, ending: str, plant: Callable[[Path, Path], None]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    plant(tmp_path / f"live.db{ending}", victim)
    with pytest.raises(StoreError, match="is no file, but a"):
        open_database(tmp_path / "live.db")
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("ending", ENDINGS)
@only_root
def test_root_follows_no_link_that_the_folders_owner_made(theirs: Path, ending: str) -> None:
    victim = theirs.parent / "victim"
    victim.write_text("precious")
    link = theirs / f"live.db{ending}"
    as_nobody(lambda: link.symlink_to(victim))
    with pytest.raises(StoreError, match="link"):
        open_database(theirs / "live.db")
    assert victim.read_text() == "precious"


@only_root
def test_root_follows_no_folder_that_others_can_exchange(theirs: Path) -> None:
    secret = theirs.parent / "secret"
    secret.mkdir(0o700)
    as_nobody(lambda: (theirs / "data").symlink_to(secret))
    with pytest.raises(StoreError, match=f"{theirs}/data: is a link that user {NOBODY}"):
        open_database(theirs / "data" / "live.db")
    inner = theirs / "inner"
    inner.mkdir()
    with pytest.raises(StoreError, match="root does not write there"):
        open_database(inner / "live.db")
    assert list(secret.iterdir()) == []


@pytest.mark.parametrize("ending", ENDINGS)
@only_root
def test_root_opens_no_file_that_has_another_name(theirs: Path, ending: str) -> None:
    victim = theirs.parent / "victim"
    victim.write_text("precious")
    (theirs / f"live.db{ending}").hardlink_to(victim)
    with pytest.raises(StoreError, match="has another name"):
        open_database(theirs / "live.db")
    assert victim.read_text() == "precious"


@only_root
def test_what_root_records_in_a_users_folder_is_that_users(theirs: Path) -> None:
    path = theirs / "new" / "live.db"
    record(path)
    made = [path, path.with_name("live.db.lock")]
    assert [(one.stat().st_uid, one.stat().st_mode & 0o777) for one in made] == [
        (NOBODY, 0o600)
    ] * 2
    assert path.parent.stat().st_uid == NOBODY

    def read() -> int:
        engine = open_database(path, must_exist=True)
        return len(Reader(engine).vms())

    assert as_nobody(read) == 1


@only_root
def test_a_folder_exchanged_meanwhile_gains_nothing(theirs: Path) -> None:
    """Root acts with the rights of the folder's owner, whatever the name leads to by then."""
    engine = open_database(theirs / "live.db")
    secret = theirs.parent / "secret"
    secret.mkdir(0o700)
    (secret / "live.db.lock").write_text("precious")
    theirs.rename(theirs.parent / "moved")
    theirs.symlink_to(secret)
    with pytest.raises(StoreError, match="permission"), WriterLock(engine):
        pass
    engine.dispose()
    assert (secret / "live.db.lock").read_text() == "precious"
    assert [one.name for one in secret.iterdir()] == ["live.db.lock"]


@only_root
def test_a_saved_user_id_can_be_acted_as_without_capabilities(theirs: Path) -> None:
    """What `collect` does before it gives up its capabilities."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        stay_able_to_act_as(Owner(NOBODY, NOBODY))
        from collector.capture.privileges import drop

        drop(())
        with acting_as(Owner(NOBODY, NOBODY)):
            (theirs / "made").touch()
        os.write(writing, b"done")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert os.read(reading, 10) == b"done"
    os.close(reading)
    assert (theirs / "made").stat().st_uid == NOBODY


@only_root
def test_acting_as_a_user_is_without_the_groups_of_root(theirs: Path) -> None:
    """As where root's are disk and adm, whose files a user's link could name."""
    groups_own = theirs.parent / "groups_own"
    groups_own.touch()
    os.chown(groups_own, 0, OF_ROOTS_GROUPS)
    groups_own.chmod(0o660)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([0, OF_ROOTS_GROUPS])
        with acting_as(Owner(NOBODY, NOBODY)):
            try:
                groups_own.open("r+").close()
                os.write(writing, b"opened")
            except PermissionError:
                os.write(writing, b"refused")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert os.read(reading, 20) == b"refused"
    os.close(reading)


@only_root
def test_where_anybody_may_write_root_does_not(open_folder: Path) -> None:
    shared = open_folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(StoreError, match="root does not write there"):
        open_database(shared / "live.db")
    shared.chmod(0o1777)
    (shared / "other.db.lock").touch()
    os.chown(shared / "other.db.lock", NOBODY, NOBODY)
    with pytest.raises(StoreError, match=f"belongs to user {NOBODY}"):
        open_database(shared / "other.db")
    record(shared / "live.db")  # as in /tmp: nobody else can exchange what is root's


@only_root
def test_root_opens_no_database_that_others_may_have_put_there(open_folder: Path) -> None:
    shared = open_folder / "shared"
    shared.mkdir()
    record(shared / "live.db")
    shared.chmod(0o1777)
    os.chown(shared / "live.db", NOBODY, NOBODY)
    files = sorted(shared.iterdir())
    for read_only in (True, False):
        with pytest.raises(StoreError, match=f"belongs to user {NOBODY}, and others may"):
            open_database(shared / "live.db", read_only=read_only)
    assert sorted(shared.iterdir()) == files


@only_root
def test_root_reads_and_writes_a_users_database_in_a_folder_of_its_own(tmp_path: Path) -> None:
    """SQLite gives what it makes beside the database to the user as well."""
    record(tmp_path / "live.db")
    os.chown(tmp_path / "live.db", NOBODY, NOBODY)
    reader = open_database(tmp_path / "live.db", read_only=True)
    assert len(Reader(reader).recordings()) == 1
    record(tmp_path / "live.db")
    assert len(Reader(reader).recordings()) == 2
    reader.dispose()


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to("disk")
    (tmp_path / "disk" / "name.db").symlink_to("../disk/./real.db")
    record(tmp_path / "data" / "name.db")
    assert find_place(tmp_path / "data" / "name.db").path == tmp_path / "disk" / "real.db"
    assert (tmp_path / "disk" / "real.db").is_file()


def test_links_in_a_circle_are_said(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(StoreError, match="is a link"):
        open_database(tmp_path / "one" / "live.db")


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        engine = open_database(tmp_path / "live.db")
        with RecordingWriter(engine, HEADER):
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
        engine.dispose()
    finally:
        os.umask(before)
    assert set(modes) >= {"live.db", "live.db.lock", "live.db-wal", "live.db-shm"}
    assert set(modes.values()) == {0o600}


def test_a_new_database_can_be_the_groups_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GMEMSCOPE_DATABASE_MODE", "0640")
    record(tmp_path / "live.db")
    found = (tmp_path / "live.db").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o640, tmp_path.stat().st_gid)
    monkeypatch.setenv("GMEMSCOPE_DATABASE_MODE", "0666")
    with pytest.raises(StoreError, match="it is 0600, 0640 or 0660"):
        open_database(tmp_path / "other.db")
