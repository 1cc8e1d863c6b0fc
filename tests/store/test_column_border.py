"""Columns that were never stored are damage before compiled code meets them."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from app.model.events import CHANGE, effect_time
from app.model.guest import GFN_LIMIT, PageState
from app.model.pagemap import PageMap
from app.store.checksums import RowsDamagedError
from app.store.codecs import (
    EventRanges,
    check_changes,
    decode_changes,
    decode_events,
    encode_changes,
    encode_events,
)
from app.store.codecs._border import check_blocks, check_quanta
from app.store.database import open_database
from app.store.read import Reader
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, memslot, random_events

EVENTS = random_events(50)
CHANGES = PageMap(PageState.SHARED).apply(EVENTS.copy(), 0)
RANGES = EventRanges(effect_time(EVENTS), EVENTS["gfn"].copy(), EVENTS["npages"].copy())
STORED = decode_changes(encode_changes(CHANGES, EVENTS, 0, 0), 0)


def check(**columns: np.ndarray) -> None:
    check_changes(STORED._replace(**columns), RANGES)


def test_what_was_stored_passes() -> None:
    check()
    check_quanta(np.array([0, 3, 3, 1 << 30]), 20)
    check_blocks(np.array([0, 9, 2, GFN_LIMIT >> 9]), 9)


@pytest.mark.parametrize("index", [-1, 50, (1 << 31) - 1])
def test_a_change_of_no_event(index: int) -> None:
    wrong = STORED.of_event.copy()
    wrong[-1] = index
    with pytest.raises(ValueError, match="of no event"):
        check(of_event=wrong)


@pytest.mark.parametrize("column", ["gfn_offset", "npages_offset"])
def test_a_change_of_pages_below_all(column: str) -> None:
    relative = int(np.flatnonzero(STORED.states & (1 << 5) == 0)[0])
    wrong = getattr(STORED, column).copy()
    wrong[relative] = -(1 << 31)
    with pytest.raises(ValueError, match="that no guest has"):
        check(**{column: wrong})


@pytest.mark.parametrize(("gfn", "npages"), [(GFN_LIMIT, 1), (1 << 63, 0), (0, GFN_LIMIT + 1)])
def test_a_change_of_pages_beyond_all(gfn: int, npages: int) -> None:
    changes = np.zeros(1, CHANGE)
    changes["event"], changes["gfn"], changes["npages"] = -1, gfn, npages
    stored = decode_changes(encode_changes(changes, EVENTS, 0, 0), 0)
    with pytest.raises(ValueError, match="that no guest has"):
        check_changes(stored, RANGES)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("kind", 200, "no kind"),
        ("outcome", 9, "no outcome"),
        ("to", 7, "no to"),
        ("npages", (1 << 53), "range"),
        ("t", -5, "ascend"),
    ],
)
def test_an_event_that_is_none(column: str, value: int, words: str) -> None:
    wrong = EVENTS.copy()
    wrong["kind"][0] = 1
    wrong[column][0] = value
    blob = encode_events(wrong, 0)
    with pytest.raises(ValueError, match=words):
        decode_events(blob, 0)


def test_summaries_of_no_time_and_no_place() -> None:
    for quanta in ([5, 3], [-1], [1 << 50]):
        with pytest.raises(ValueError, match="quanta"):
            check_quanta(np.array(quanta), 20)
    for blocks in ([-1], [(GFN_LIMIT >> 9) + 1]):
        with pytest.raises(ValueError, match="blocks"):
            check_blocks(np.array(blocks), 9)


def test_a_stored_memslot_where_no_page_can_be_is_damage(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "gmemscope.db")
    with RecordingWriter(engine, HEADER) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, 4096))
        writer.append(vm_id, random_events(50))
    with engine.begin() as connection:  # as a database of an earlier version: without checksums
        connection.execute(text("UPDATE vm SET row_checksum = NULL, memslot_checksum = NULL"))
        connection.execute(text("UPDATE memslot SET npages = 1 << 60"))
    reader = Reader(engine)
    for ask in (reader.memslots, lambda vm: reader.page_map_at(vm, 10)):
        with pytest.raises(RowsDamagedError, match="no memslot lies"):
            ask(vm_id)


def test_a_memslot_where_no_page_can_be() -> None:
    for slot in (memslot(0, GFN_LIMIT - 1, 2), memslot(0, -1, 2), memslot(0, 1 << 50, 1)):
        with pytest.raises(ValueError, match="no memslot lies"):
            PageMap(PageState.SHARED).set_memslot(slot)
