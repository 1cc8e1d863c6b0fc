"""What the live benchmark says of each of its loads."""

from pathlib import Path

from app.model.guest import Certainty, PageState, VmIdentity
from app.store.database import open_database
from app.store.protocol import Loss, RecordingHeader
from app.store.write import RecordingWriter
from benchmarks.live import ARMED, NOBODY, Seen, Turn, row, stored

CREATED = {5: 100, 6: 1000, 7: 2000}
"""When the VM of each load was made, by fd. They all live on to the end."""


def test_each_load_has_its_own_losses(tmp_path: Path) -> None:
    database = tmp_path / "live.db"
    engine = open_database(database)
    header = RecordingHeader("live", "tracefs", "host", "mono", 0)
    with RecordingWriter(engine, header) as writer:
        for fd, t in CREATED.items():
            writer.add_vm(VmIdentity("load", 70, fd, t, Certainty.SEEN, PageState.SHARED))
        for begin, end, count in ((1400, 1500, 3), (2100, 2200, 40), (1990, 2300, None)):
            writer.add_loss(Loss(begin, end, count, 0, "tracefs"))
    engine.dispose()
    assert stored(database) == {5: Seen(0, 0, 0), 6: Seen(0, 3, 1), 7: Seen(0, 40, 2)}


def test_an_armed_collector_has_what_a_call_and_it_itself_cost_and_no_calls_seen() -> None:
    nobody = [Turn(100, 10.0, 1500.0, 0, 0, 0, 0, 0)]
    armed = [Turn(100, 10.0, 1700.0, 0.03, 0.02, 0, 0, 0)]
    name, done, cost, per_call, of_a_core, seen, *others = row(ARMED, armed, {NOBODY: nobody})
    assert (name, done, cost) == (ARMED, "10", "1700 ns (+200)")
    assert (per_call, of_a_core, seen) == ("", "0.2 %", "not read")
    assert not any(others)
    assert len(row(NOBODY, nobody, {NOBODY: nobody})) == 6 + len(others)
