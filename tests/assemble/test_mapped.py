"""Which memslots map a range, as they come and go: against a look at each of them."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from app.model.guest import EventKind
from collector.assemble.memslots import Mappings, _mapped as mapped
from collector.assemble.memslots._mapped import LOOKUPS_PER_MAPPING, Mapped, Mapping
from collector.codes import CallCode
from collector.records import CallArray
from tests.assemble.live_calls import MEMFD, VM_FD, Live, call, create_memfd, create_vm, region

PAGE, HVA = 4096, 1 << 40
places = st.integers(0, 60)
spans = st.tuples(places, st.integers(1, 20))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), spans)), max_size=30),
    st.lists(spans, max_size=3),
)
def test_near_has_all_that_touch_a_range(
    story: list[tuple[int, tuple[int, int] | None]], ranges: list[tuple[int, int]]
) -> None:
    kept, one = dict[int, Mapping](), Mapped()
    starts = np.array([start for start, _ in ranges], dtype=np.uint64)
    ends = np.array([start + size for start, size in ranges], dtype=np.uint64)
    for slot, span in story:
        one.pop((0, slot))
        kept.pop(slot, None)
        if span is not None:
            kept[slot] = span[0], sum(span), 100 * slot
            one.put((0, slot), kept[slot])
        near = one.near(starts, ends)
        assert near.start.tolist() == sorted(near.start.tolist())
        meets = near.meets(starts, ends)
        for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            wanted = sorted(m for m in kept.values() if m[0] < end and m[1] > start)
            at = near.touching(start, end)
            assert list(zip(near.start[at], near.end[at], near.gfn[at], strict=True)) == wanted
            assert meets[i] == bool(wanted)


@pytest.fixture
def laid_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many mappings each look at some of them laid out."""
    counts: list[int] = []
    made = Mappings.__init__

    def counting(self: Mappings, mappings: Iterator[Mapping]) -> None:
        some = list(mappings)
        counts.append(len(some))
        made(self, some)

    monkeypatch.setattr(mapped.Mappings, "__init__", counting)
    yield counts


def slots_with(count: int, memfd: int | None = None) -> list[CallArray]:
    told = [(n, n * 2 * PAGE, n * PAGE) for n in range(count)]
    return [
        region(10 + n, n, gpa, PAGE, hva=HVA + offset, memfd=memfd, offset=offset)
        for n, gpa, offset in told
    ]


@pytest.mark.parametrize("code", [CallCode.UNMAP, CallCode.FALLOCATE, CallCode.REGISTER_REGION])
def test_a_range_between_two_memslot_calls_costs_the_same_however_many_slots_live(
    laid_out: list[int], code: CallCode
) -> None:
    """Each of them changes what is mapped, so that nothing laid out before can be used again."""
    costs = []
    for count in (200, 2000):
        live = Live().tell(create_vm(1), create_memfd(2, count * PAGE), *slots_with(count, MEMFD))
        for n in range(20):
            place = 7 * n * PAGE
            delete = region(10_000 + 10 * n, n, 0, 0, memfd=MEMFD)
            range_ = {
                CallCode.UNMAP: (-1, HVA + place, HVA + place + 1),
                CallCode.FALLOCATE: (MEMFD, 3, place, PAGE),
                CallCode.REGISTER_REGION: (VM_FD, HVA + place, PAGE),
            }[code]
            live.tell(delete, call(10_001 + 10 * n, code, *range_))
        costs.append(sum(laid_out))
        laid_out.clear()
    assert costs[0] == costs[1]
    assert costs[0] <= 4 * 20


def test_a_flood_lays_the_mappings_out_once(laid_out: list[int]) -> None:
    count = 2 * LOOKUPS_PER_MAPPING
    live = Live().tell(create_vm(1), *slots_with(count))
    unmaps = [call(1000 + n, CallCode.UNMAP, -1, HVA, HVA + PAGE) for n in range(count)]
    live.tell(*unmaps)
    live.tell(*unmaps)
    assert laid_out == [count]


def test_an_unmap_of_all_memslots_becomes_a_row_for_each() -> None:
    """As where a process unmaps all of its memory at once."""
    count = 300
    live = Live().tell(create_vm(1), *slots_with(count))
    live.tell(call(1000, CallCode.UNMAP, -1, HVA + 1, HVA + count * PAGE))
    found = live.of_kind(EventKind.UNMAP)
    assert found["gfn"].tolist() == [2 * n for n in range(count)]
    assert set(found["npages"].tolist()) == {1}
    assert found["aux"].tolist()[:2] == [HVA + 1, HVA + PAGE]
