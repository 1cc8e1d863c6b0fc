"""What a memslot call costs in the database, by what SQLite does for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine

from app.model.guest import Backing, Certainty, Memslot, PageState, VmIdentity
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.write import RecordingWriter

STEPS = 10
"""SQLite tells each time that its machine has made so many."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(tmp_path / "slots.db")
    yield opened
    opened.dispose()


@pytest.fixture
def steps(engine: Engine) -> Iterator[list[int]]:
    """Grows by one for each STEPS steps."""
    made: list[int] = []

    def count(connection: Any, _record: object) -> None:  # noqa: ANN401 -- a DBAPI object
        connection.set_progress_handler(lambda: made.append(1), STEPS)

    sqlalchemy.event.listen(engine, "connect", count)
    engine.dispose()
    yield made
    sqlalchemy.event.remove(engine, "connect", count)


def memslot(slot: int, t: int) -> Memslot:
    return Memslot(slot, slot << 9, 512, 0, Backing.HVA, Certainty.SEEN, 1 << 40, from_t=t)


def lives(writer: RecordingWriter, vm: int, first: int, count: int) -> None:
    """Slot 0 is set and deleted, each in a commit of its own."""
    for n in range(first, first + count):
        writer.set_memslot(vm, memslot(0, 10 * n))
        writer._commit()
        writer.delete_memslot(vm, 0, 0, 10 * n + 5)
        writer._commit()


def test_the_end_of_a_memslot_costs_the_same_whatever_its_history(
    engine: Engine, steps: list[int]
) -> None:
    header = RecordingHeader("slots", "made", "host", "mono", 0)
    with RecordingWriter(engine, header) as writer:
        vm = writer.add_vm(VmIdentity("vm", 7, 5, 0, Certainty.SEEN, PageState.SHARED))
        costs = []
        for first in (10, 320):  # a whole number of merges of what is written
            lives(writer, vm, first - 10, 10)
            steps.clear()
            lives(writer, vm, first, 16)
            costs.append(len(steps))
            lives(writer, vm, first + 16, 284)
    slots = Reader(engine).memslots(vm)
    assert [slot.to_t for slot in slots] == [slot.from_t + 5 for slot in slots]
    assert costs[1] <= 1.2 * costs[0]
