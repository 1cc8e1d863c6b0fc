"""The state at any instant is what a page-by-page replay of all events gives."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import Engine

from app.model.events import EventArray, effect_time
from app.model.guest import EventKind, Memslot, Outcome, PageState
from app.model.pagemap import PageMap
from app.model.raster import Grid
from app.store.database import open_database
from app.store.read import Reader
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, Write, memslot, random_events

GUEST_PAGES = 4096
STATE_CHANGING = (EventKind.CONVERSION, EventKind.STATE_READ)


def brute_force(events: EventArray, t: int) -> npt.NDArray[np.uint8]:
    """The state of every page after all effects up to and including t, one event at a time."""
    state = np.full(GUEST_PAGES, PageState.SHARED, dtype=np.uint8)
    gaps, gap_end = 0, -1
    for event in events[effect_time(events) <= t]:
        if event["kind"] in (EventKind.LOSS_BEGIN, EventKind.LOSS_END):
            state[:] = PageState.UNKNOWN
            is_begin = event["kind"] == EventKind.LOSS_BEGIN
            gaps, gap_end = (gaps + 1, gap_end) if is_begin else (max(0, gaps - 1), int(event["t"]))
        elif event["kind"] in STATE_CHANGING and event["outcome"] != Outcome.FAILED:
            pages = state[int(event["gfn"]) : int(event["gfn"] + event["npages"])]
            may_be_undone = gaps > 0 or event["t"] < gap_end
            if event["outcome"] == Outcome.APPLIED and not may_be_undone:
                pages[:] = event["to"]
            else:
                # Whether it happened or not, what had the wanted state still has it.
                pages[pages != event["to"]] = PageState.UNKNOWN
    return state


def stored(reader: Reader, vm_id: int, t: int) -> npt.NDArray[np.uint8]:
    state = np.full(GUEST_PAGES, 255, dtype=np.uint8)
    for gfn, npages, value in reader.page_map_at(vm_id, t).runs():
        state[int(gfn) : int(gfn + npages)] = value
    return state


def test_state_equals_brute_force_at_every_instant(engine: Engine, write: Write) -> None:
    events = random_events(700)
    reader = Reader(engine)
    vm_id = write(events, segment_events=64).vm_id
    times = effect_time(events)
    for t in [0, int(times[0]) - 1, *(int(t) for t in times[::23]), int(times[-1]), 1 << 40]:
        np.testing.assert_array_equal(stored(reader, vm_id, t), brute_force(events, t))


def test_keyframes_are_there_to_seek_from(engine: Engine, write: Write) -> None:
    write(random_events(700), segment_events=64)
    with engine.connect() as connection:
        keyframes = connection.exec_driver_sql("SELECT count(*) FROM keyframe").scalar_one()
    assert keyframes == 5  # after 128, 256, ... 640 events


def test_a_map_that_is_taken_on_is_the_one_that_is_built(engine: Engine) -> None:
    """Across keyframes and none, memslots set and deleted between, and nothing at all."""
    events = random_events(500)
    times = effect_time(events)
    with RecordingWriter(engine, HEADER, segment_events=64) as writer:
        vm_id = writer.add_vm(IDENTITY)
        for part, first in enumerate(range(0, 500, 50)):
            slot = memslot(1, 2000, 100 * part + 100, from_t=int(times[max(first - 1, 0)]))
            writer.set_memslot(vm_id, slot)
            writer.append(vm_id, events[first : first + 50])
    reader = Reader(engine)
    chosen = [int(t) for t in times[::31]]
    for earlier in chosen:
        for later in (earlier, earlier + 1, *chosen):
            ours = Reader(engine).page_map_at(vm_id, later, after=earlier)
            built = reader.page_map_at(vm_id, later)
            np.testing.assert_array_equal(ours.runs(), built.runs())
            assert ours.totals() == built.totals()
            assert ours.mixed_blocks == built.mixed_blocks
            assert ours.memslots == built.memslots


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
def test_a_cache_of_any_size_gives_the_same_state(
    engine: Engine, write: Write, cache_bytes: int
) -> None:
    events = random_events(300)
    reader = Reader(engine, cache_bytes=cache_bytes)
    vm_id = write(events).vm_id
    for _ in range(2):
        for t in (2_000, 5_000, 1_500):
            np.testing.assert_array_equal(stored(reader, vm_id, t), brute_force(events, t))


def test_totals_sum_up_to_the_memslots_at_every_instant(engine: Engine) -> None:
    with RecordingWriter(engine, HEADER, segment_events=32) as writer:
        vm_id = writer.add_vm(IDENTITY)
        events = random_events(300)
        times = effect_time(events)
        middle = len(events) // 2
        writer.set_memslot(vm_id, memslot(0, 0, 1000))
        writer.append(vm_id, events[:middle])
        writer.set_memslot(vm_id, memslot(1, 2000, 1000, from_t=int(times[middle - 1])))
        writer.append(vm_id, events[middle:])
        writer.delete_memslot(vm_id, 0, 0, int(times[-1]))
    reader = Reader(engine)
    for t in [int(t) for t in times[::7]] + [int(times[-1]) + 1]:
        totals = reader.page_map_at(vm_id, t).totals()
        pages = sum(one.npages for one in reader.memslots(vm_id, at=t))
        assert totals.private + totals.shared + totals.unknown == pages


@given(seed=st.integers(0, 1 << 30), cut=st.integers(1, 90), at=st.floats(0, 1.1))
@settings(max_examples=15, deadline=None)
def test_any_history_cut_anywhere(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cut: int, at: float
) -> None:
    engine = open_database(tmp_path_factory.mktemp("any") / "gmemscope.db")
    events = random_events(120, seed)
    with RecordingWriter(engine, HEADER, segment_events=cut) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, GUEST_PAGES))
        writer.append(vm_id, events)
    t = int(at * int(effect_time(events)[-1]))
    np.testing.assert_array_equal(stored(Reader(engine), vm_id, t), brute_force(events, t))
    engine.dispose()


def test_same_instant_memslots_do_not_confuse_a_keyframe(engine: Engine) -> None:
    """A keyframe may fall between two memslot calls of one instant."""
    with RecordingWriter(engine, HEADER, segment_events=1) as writer:
        vm_id = writer.add_vm(IDENTITY)
        events = random_events(40, guest_pages=64)
        end = int(effect_time(events)[-1])
        writer.set_memslot(vm_id, memslot(0, 0, 2048))
        writer.append(vm_id, events)
        for slot in range(1, 12):
            writer.set_memslot(vm_id, memslot(slot, 4096 * slot, 10, from_t=end))
            writer.delete_memslot(vm_id, 0, slot, end)
            writer.set_memslot(vm_id, memslot(slot, 4096 * slot, 20, from_t=end))
    totals = Reader(engine).page_map_at(vm_id, end).totals()
    assert totals.private + totals.shared + totals.unknown == 2048 + 11 * 20


def test_pictures_of_one_stretch_decode_its_keyframe_once(
    engine: Engine, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = random_events(2000)
    vm_id = write(events).vm_id
    middle = int(effect_time(events)[1000])
    edges = np.array([middle, middle + 1])
    reader, decode, decoded = Reader(engine), PageMap.from_bytes, []

    def count_and_decode(blob: bytes, memslots: Iterable[Memslot]) -> PageMap:
        decoded.append(blob)
        return decode(blob, memslots)

    monkeypatch.setattr(PageMap, "from_bytes", count_and_decode)
    grid = Grid(edges, np.array([0], np.uint64), np.array([64], np.uint64))
    first = reader.raster(vm_id, grid)
    assert len(decoded) == 1
    assert len(reader.page_map_at(vm_id, middle).runs())
    assert len(decoded) == 2, "what replays events needs a map of its own"
    again = reader.raster(vm_id, grid)
    assert len(decoded) == 2
    assert (again.private == first.private).all()
    monkeypatch.setattr(PageMap, "from_bytes", None)
    assert Reader(engine).timeline(vm_id, edges).private.any(), "what all pages add up to is enough"
