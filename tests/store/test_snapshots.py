"""An answer is of one commit, and holds one connection while it is made."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from sqlalchemy import Engine, event, update

from app.model.raster import Grid
from app.store.errors import NotFound
from app.store.read import Reader
from app.store.schema import Recording, RecordingState
from tests.store.histories import Write, random_events


@dataclass
class Connections:
    """How many an engine gave out, and how many at once."""

    taken: int = 0
    held: int = 0
    most_held: int = 0

    def checkout(self, *_: object) -> None:
        self.taken += 1
        self.held += 1
        self.most_held = max(self.most_held, self.held)

    def checkin(self, *_: object) -> None:
        self.held -= 1


@pytest.fixture
def connections(engine: Engine) -> Iterator[Connections]:
    counted = Connections()
    event.listen(engine, "checkout", counted.checkout)
    event.listen(engine, "checkin", counted.checkin)
    yield counted
    event.remove(engine, "checkout", counted.checkout)
    event.remove(engine, "checkin", counted.checkin)


GRID = Grid(
    np.array([0, 2_000, 4_000], np.int64), np.array([0], np.uint64), np.array([4096], np.uint64)
)


@pytest.mark.parametrize("segment_events", [64, 1 << 17], ids=["keyframes", "no keyframe"])
def test_an_answer_takes_one_connection(
    engine: Engine, write: Write, connections: Connections, segment_events: int
) -> None:
    """With two, as many questions at once as the pool has connections would wait for each other."""
    vm_id = write(random_events(300), segment_events=segment_events).vm_id
    reader = Reader(engine)
    for ask in (
        lambda: reader.page_map_at(vm_id, 3_000),
        lambda: reader.raster(vm_id, GRID),
        lambda: reader.timeline(vm_id, GRID.t_edges),
        lambda: reader.fit(vm_id, GRID),
    ):
        connections.taken = connections.most_held = 0
        ask()
        assert (connections.taken, connections.most_held) == (1, 1)


def test_of_a_recording_being_deleted_nothing_is_known(engine: Engine, write: Write) -> None:
    """Its segments may be gone although a cache still lists them."""
    written = write(random_events(300))
    reader = Reader(engine)
    reader.timeline(written.vm_id, GRID.t_edges)
    with engine.begin() as connection:
        connection.execute(update(Recording).values(state=RecordingState.DELETING))
    for ask in (
        lambda: reader.page_map_at(written.vm_id, 3_000),
        lambda: reader.raster(written.vm_id, GRID),
        lambda: reader.timeline(written.vm_id, GRID.t_edges),
        lambda: reader.events(written.vm_id),
    ):
        with pytest.raises(NotFound):
            ask()
