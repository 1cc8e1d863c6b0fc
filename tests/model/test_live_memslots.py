"""Memslots by id and by range, against looking at each of them."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from app.model.guest import Backing, Certainty, Memslot, PageState
from app.model.pagemap import PageMap
from app.model.pagemap._live_memslots import (
    NOTHING,
    CoverArray,
    LiveCover,
    LiveSlots,
    SlotKey,
    cover_of,
)

keys = st.tuples(st.integers(0, 1), st.integers(0, 40))
ranges = st.tuples(st.integers(0, 60), st.integers(1, 8))


def memslot(
    key: SlotKey, base_gfn: int, npages: int, t: int = 0, backing: Backing = Backing.HVA
) -> Memslot:
    return Memslot(
        slot=key[1],
        base_gfn=base_gfn,
        npages=npages,
        flags=0,
        backing=backing,
        backing_certainty=Certainty.SEEN,
        userspace_addr=0,
        guest_memfd=None,
        guest_memfd_offset=None,
        as_id=key[0],
        from_t=t,
    )


@given(st.lists(st.tuples(keys, st.none() | ranges), max_size=120), ranges)
def test_what_touches_a_range_is_what_a_look_at_each_shows(
    changes: list[tuple[SlotKey, tuple[int, int] | None]], window: tuple[int, int]
) -> None:
    slots, plain = LiveSlots(), dict[SlotKey, Memslot]()
    for key, place in changes:
        if place is None:
            assert slots.pop(key) == plain.pop(key, None)
        else:
            plain[key] = memslot(key, *place)
            slots.put(plain[key])
        assert (key in slots) == (key in plain)
    first, end = window[0], window[0] + window[1]
    touching = [s for s in plain.values() if s.base_gfn < end and s.end_gfn > first]
    by_id = {(s.as_id, s.slot): s for s in slots.touching(first, end)}
    assert by_id == {(s.as_id, s.slot): s for s in touching}
    assert len(by_id) == len(slots.touching(first, end))
    assert slots.in_order() == tuple(plain[key] for key in sorted(plain))


def test_memslots_by_the_thousand_come_and_go() -> None:
    page_map, count = PageMap(PageState.SHARED), 8_192
    for slot in range(count):
        page_map.set_memslot(memslot((0, slot), 512 * slot, 512, slot))
    assert page_map.totals().shared == 512 * count
    for slot in range(count):
        page_map.delete_memslot(0, slot, count)
    assert (page_map.totals().shared, page_map.memslots) == (0, ())


@given(
    st.lists(
        st.tuples(
            keys,
            st.none() | st.tuples(ranges, st.sampled_from((Backing.HVA, Backing.MIXED))),
        ),
        max_size=120,
    )
)
def test_cover_that_is_changed_in_place_is_the_cover_of_all_that_live(
    changes: list[tuple[SlotKey, tuple[tuple[int, int], Backing] | None]],
) -> None:
    slots, cover = LiveSlots(), LiveCover(NOTHING)
    for key, made in changes:
        added = None if made is None else memslot(key, *made[0], backing=made[1])
        removed = slots.pop(key)
        if added is not None:
            slots.put(added)
        for one in (removed, added):
            if one is not None:
                span = one.base_gfn, one.end_gfn
                cover.recover(*span, slots.touching(*span))
        np.testing.assert_array_equal(cover.pieces, cover_of(slots.in_order()))
        for at in range(0, 70, 3):
            is_met = any(slot.base_gfn < at + 2 and slot.end_gfn > at for slot in slots.in_order())
            assert cover.meets(at, at + 2) == is_met


class Work:
    """Counts pieces of the cover that are moved or laid out anew, and memslots that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        move, settle, recover = LiveCover._move, LiveCover._settle, LiveCover.recover

        def counted_move(cover: LiveCover, source: int, to: int, count: int) -> None:
            self.count += count
            move(cover, source, to, count)

        def counted_settle(cover: LiveCover, pieces: CoverArray, more: int = 0) -> None:
            self.count += len(pieces)
            settle(cover, pieces, more)

        def counted_recover(
            cover: LiveCover, first: int, end: int, touching: list[Memslot]
        ) -> None:
            self.count += 1 + len(touching)
            recover(cover, first, end, touching)

        class Looked(dict[SlotKey, Memslot]):
            def __getitem__(looked, key: SlotKey) -> Memslot:  # noqa: N805
                self.count += 1
                return super().__getitem__(key)

        monkeypatch.setattr(LiveCover, "_move", counted_move)
        monkeypatch.setattr(LiveCover, "_settle", counted_settle)
        monkeypatch.setattr(LiveCover, "recover", counted_recover)
        self._slots = Looked

    def of(self, count: int) -> int:
        """So many memslots, none next to another, come and go again, each in order of address."""
        self.count, page_map = 0, PageMap(PageState.SHARED)
        page_map._layout._slots._slots = self._slots()
        for slot in range(count):
            page_map.set_memslot(memslot((0, slot), 600 * slot, 512, slot))
        for slot in range(count):
            page_map.delete_memslot(0, slot, count)
        assert page_map.totals().shared == 0
        return self.count


def test_work_for_a_memslot_does_not_grow_with_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work(monkeypatch)
    few, many = work.of(128), work.of(2048)
    assert few >= 2 * 128
    assert many <= 1.5 * 2048 / 128 * few
    assert many <= 12 * 2048


def test_largest_memslot_goes_from_over_many_others() -> None:
    page_map, count = PageMap(PageState.SHARED), 300
    page_map.set_memslot(memslot((1, 0), 0, 1 << 20, backing=Backing.MIXED))
    for slot in range(count):
        page_map.set_memslot(memslot((0, slot), 600 * slot, 512))
    assert page_map.totals().shared == 1 << 20
    page_map.delete_memslot(1, 0, 1)
    assert page_map.totals().shared == 512 * count
    assert len(page_map._layout.cover) == count
