"""Memslots by id and by range, against looking at each of them."""

from hypothesis import given
from hypothesis import strategies as st

from app.model.events import Certainty, PageState
from app.model.layout import Backing, Memslot
from app.model.liveslots import LiveSlots, SlotKey
from app.model.pagemap import PageMap

keys = st.tuples(st.integers(0, 1), st.integers(0, 40))
ranges = st.tuples(st.integers(0, 60), st.integers(1, 8))


def memslot(key: SlotKey, base_gfn: int, npages: int, t: int = 0) -> Memslot:
    return Memslot(
        slot=key[1],
        base_gfn=base_gfn,
        npages=npages,
        flags=0,
        backing=Backing.HVA,
        backing_certainty=Certainty.SEEN,
        userspace_addr=0,
        guest_memfd=None,
        guest_memfd_offset=None,
        as_id=key[0],
        from_t=t,
    )


@given(st.lists(st.tuples(keys, st.none() | ranges), max_size=120), ranges)
def test_what_touches_a_range_is_what_a_look_at_each_tells(
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
