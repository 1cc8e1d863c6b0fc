"""What an ended VM's pages were is in its row: nobody replays its life to list it."""

import numpy as np
import pytest
from sqlalchemy import Engine, text

from app.model.events import last_effect_time
from app.queries.inventory._vms import last_totals
from app.store.read import Reader
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, LOSSES, memslot, random_events


def written(engine: Engine, ends_after: int, *, then_commits: bool) -> int:
    """A VM that ends so long after its last event."""
    with RecordingWriter(engine, HEADER, segment_events=64) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, 4096))
        events = random_events(300)
        events = events[~np.isin(events["kind"], LOSSES)]
        writer.append(vm_id, events)
        end = last_effect_time(events) + ends_after
        writer.end_vm(vm_id, end, is_inferred=False)
        if then_commits:
            other = writer.add_vm(IDENTITY)
            writer.append(other, events)
            writer.advance(end + 1)
    return vm_id


@pytest.mark.parametrize("then_commits", [False, True])
def test_the_row_says_what_was_just_before_the_end(engine: Engine, then_commits: bool) -> None:
    vm_id = written(engine, 10, then_commits=then_commits)
    reader = Reader(engine)
    vm = reader.vm(vm_id)
    assert vm.ended_t is not None and vm.pages_t == vm.ended_t - 1
    page_map = reader.page_map_at(vm_id, vm.pages_t)
    totals, mixed_blocks = last_totals(reader, vm)
    assert totals == page_map.totals()
    assert mixed_blocks == page_map.mixed_blocks
    assert totals.private and totals.shared


@pytest.mark.parametrize("is_of_an_earlier_version", [True, False])
def test_where_the_row_cannot_say_the_history_does(
    engine: Engine, is_of_an_earlier_version: bool
) -> None:
    vm_id = written(engine, 10 if is_of_an_earlier_version else 0, then_commits=False)
    if is_of_an_earlier_version:
        with engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE vm SET pages_t = NULL, private_pages = 0, shared_pages = 0,"
                    " row_checksum = NULL"
                )
            )
    reader = Reader(engine)
    vm = reader.vm(vm_id)
    assert vm.ended_t is not None and vm.pages_t is None
    assert last_totals(reader, vm)[0] == reader.page_map_at(vm_id, vm.ended_t - 1).totals()
