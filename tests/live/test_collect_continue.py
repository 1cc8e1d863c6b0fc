"""`gmemscope collect --continue` after SIGKILL in the middle of a storm: one story with a gap."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.model.guest import EventKind
from app.model.stats import EventQuery, only
from app.store.database import open_database
from app.store.read import Reader, check
from tests.live.collecting import (
    Collecting,
    need_bpftrace,
    need_kvm,
    need_tracefs,
    start_vmm,
    started,
    wait_until,
)

STORM = 100_000_000
"""More calls than are made until the VMM is ended; none is well-formed."""


@pytest.fixture(params=["bpftrace", "tracefs"])
def source(request: pytest.FixtureRequest) -> str:
    need_kvm()
    need_tracefs()
    if request.param == "bpftrace":
        need_bpftrace()
    return str(request.param)


def requested(database: Path) -> int:
    engine = open_database(database, read_only=True)
    vms = Reader(engine).vms()
    engine.dispose()
    return max((vm.requested for vm in vms), default=0)


def await_more(collecting: Collecting, than: int) -> int:
    wait_until(lambda: requested(collecting.database) > than)
    return requested(collecting.database)


def test_a_killed_recording_is_gone_on_with(tmp_path: Path, source: str) -> None:
    database = tmp_path / "live.db"
    options = ("--scene", "backings", "--burst", str(STORM))
    with start_vmm(tmp_path / "truth.jsonl", "--wait", *options) as vmm:
        try:
            follow = ("--continue", "--source", source, "--pid", str(vmm.pid))
            with started(database, *follow) as killed:
                killed.await_begin()
                assert "there is no live recording" in killed.error_text
                assert vmm.stdin is not None
                vmm.stdin.write("go\n")
                vmm.stdin.flush()
                await_more(killed, 1_000)
                killed.process.kill()
                killed.process.wait()
            before = requested(database)
            with started(database, *follow) as again:
                again.await_begin()
                assert "recording 1 goes on" in again.error_text
                await_more(again, before + 1_000)
                summary = again.end()
        finally:
            vmm.kill()
    assert (summary["recording"], summary["state"]) == (1, "complete")
    engine = open_database(database)
    check_story(engine, vmm.pid)
    engine.dispose()


def check_story(engine: Engine, pid: int) -> None:
    """One recording of one VM in a storm, two chapters, and nothing known between them."""
    reader = Reader(engine)
    (gap,) = [loss for loss in reader.losses(1) if loss.source == "not recording"]
    (vm,) = [vm for vm in reader.vms(1) if vm.pid == pid and vm.requested > 1_000]
    after, _ = reader.events(
        vm.id, EventQuery(t_from=gap.to_t, where=only(EventKind.CONVERSION)), limit=9
    )
    assert len(after) == 9
    slots = reader.memslots(vm.id, gap.to_t)
    assert [slot.from_t < gap.from_t for slot in slots] == [True] * len(slots)
    totals = reader.page_map_at(vm.id, gap.to_t - 1).totals()
    assert totals.private == 0
    with engine.connect() as connection:
        chapters = connection.exec_driver_sql("SELECT to_t, ended FROM chapter ORDER BY id").all()
    assert len(chapters) == 2
    assert "ended without finishing" in chapters[0].ended
    assert not check(engine).findings
