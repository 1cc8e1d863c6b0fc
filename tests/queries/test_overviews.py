"""The first page over many VMs: what did not change is not read again."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.model.guest import Backing, Certainty, Memslot, PageState, To, VmIdentity
from app.queries.home import Overviews
from app.queries.home._overview import VmOverview
from app.queries.live import LiveStorms
from app.store.database import open_database
from app.store.protocol import Loss, RecordingHeader
from app.store.read import Reader
from app.store.write import RecordingWriter, _writer as writer_module
from tests.small_guest import event

VMS = 50
SECOND = 10**9


class CountingReader(Reader):
    """Counts the pictures that are read."""

    timelines = 0

    def timeline(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- passed on
        self.timelines += 1
        return super().timeline(*arguments, **options)


@pytest.fixture
def commit(monkeypatch: pytest.MonkeyPatch) -> Callable[[RecordingWriter, int], None]:
    """Make all that was given visible, as of an instant."""
    monkeypatch.setattr(writer_module, "LIVE_COMMIT_S", 0.0)
    monkeypatch.setattr(writer_module, "LIVE_COMMIT_REST", 0)

    def advance(writer: RecordingWriter, t: int) -> None:
        time.sleep(0.001)
        writer.advance(t)

    return advance


def shown(overviews: Overviews) -> list[VmOverview]:
    (host,) = overviews.hosts()
    return host.vms


def test_fleet(tmp_path: Path, commit: Callable[[RecordingWriter, int], None]) -> None:
    engine = open_database(tmp_path / "fleet.db")
    reader = CountingReader(engine)
    overviews = Overviews(reader, LiveStorms(reader).of_vm)
    header = RecordingHeader("live", "tracefs", "kvm7", "mono", 0)
    with RecordingWriter(engine, header, is_live=True) as writer:
        ids = [
            writer.add_vm(VmIdentity(f"cvm-{n}", n, 9, 0, Certainty.SEEN, PageState.SHARED))
            for n in range(VMS)
        ]
        for vm_id in ids:
            backed = (Backing.MIXED, Certainty.SEEN, 0)
            writer.set_memslot(vm_id, Memslot(0, 0, 512, 4, *backed, guest_memfd=5))
            writer.append(vm_id, event(SECOND, gfn=0, npages=8, to=To.PRIVATE))
        commit(writer, 4 * SECOND)
        first = shown(overviews)
        assert len(first) == VMS
        assert all(one.is_live and one.picture.totals.private == 8 for one in first)
        assert [one.rate.per_second for one in first] == [0.25] * VMS

        commit(writer, 40 * SECOND)
        assert [one.rate.per_second for one in shown(overviews)] == [0] * VMS
        reader.timelines = 0
        writer.append(ids[7], event(40 * SECOND + 5, gfn=8, npages=8, to=To.PRIVATE))
        commit(writer, 40 * SECOND + 50)
        busy = {one.vm.id: one for one in shown(overviews)}[ids[7]]
        assert busy.picture.totals.private == 16
        assert reader.timelines == 2  # its picture and its rate, and of no other VM

        writer.end_vm(ids[7], 41 * SECOND, is_inferred=False)
        writer.add_loss(Loss(41 * SECOND, 41 * SECOND, 12, None, "tracefs"))
        commit(writer, 42 * SECOND)
        *others, last = shown(overviews)
        assert last.vm.id == ids[7]
        assert not last.is_live
        assert last.rate.per_second == pytest.approx(2 / 41)
        assert [(one.what, one.count) for one in others[0].concerns] == [("events lost", 12)]
    engine.dispose()
