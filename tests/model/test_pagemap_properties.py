"""The laws of the page map, against one so plain that it can only be right."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.events import (
    CHANGE,
    EVENT,
    GFN_LIMIT,
    PAGES_PER_2M,
    RUN,
    Certainty,
    ChangeArray,
    EventArray,
    EventKind,
    Outcome,
    PageState,
    RunArray,
    To,
)
from app.model.layout import Backing, Memslot
from app.model.pagemap import PageMap

LEAF = 1 << 18
GROUP = 1 << 29
BORDERS = sorted(
    {0, 1, 5, 63, 64, 65, 127, 128, 500, 511, 512, 513, 1023, 1024, 1500}
    | {LEAF - 513, LEAF - 512, LEAF - 1, LEAF, LEAF + 1, LEAF + 700, 2 * LEAF, 2 * LEAF + 64}
    | {5 * LEAF + 3, GROUP - LEAF, GROUP - 1, GROUP, GROUP + 9, GROUP + LEAF, 3 * GROUP}
    | {GFN_LIMIT - GROUP - 3, GFN_LIMIT - LEAF, GFN_LIMIT - 512, GFN_LIMIT - 1, GFN_LIMIT}
)
"""Every range in the property tests begins and ends at two of these."""

BLOCK_BORDERS = {
    b // PAGES_PER_2M * PAGES_PER_2M + beyond for b in BORDERS for beyond in (0, PAGES_PER_2M)
}
"""Where a row may end besides: between a block that was broken and one that was healed."""

SEGMENTS = list(pairwise(sorted({*BORDERS, *BLOCK_BORDERS} - {GFN_LIMIT + PAGES_PER_2M})))
STATE_CHANGING = (EventKind.CONVERSION, EventKind.STATE_READ)


def conversion(
    t: int,
    first: int,
    end: int,
    to: To,
    outcome: Outcome = Outcome.APPLIED,
    certainty: Certainty = Certainty.SEEN,
) -> EventArray:
    event = np.zeros(1, EVENT)
    event["t"], event["gfn"], event["npages"], event["to"] = t, first, end - first, to
    event["kind"], event["outcome"] = EventKind.CONVERSION, outcome
    event["range_certainty"] = certainty
    return event


def loss(t: int, kind: EventKind = EventKind.LOSS_BEGIN) -> EventArray:
    event = np.zeros(1, EVENT)
    event["t"], event["kind"] = t, kind
    return event


def reading(t: int, first: int, end: int, to: To) -> EventArray:
    event = conversion(t, first, end, to)
    event["kind"] = EventKind.STATE_READ
    return event


def memslot(
    slot: int, first: int, end: int, backing: Backing = Backing.MIXED, *, t: int = 0, as_id: int = 0
) -> Memslot:
    flags = 4 if backing.can_be_private else 0
    return Memslot(
        slot, first, end - first, flags, backing, Certainty.SEEN, 0, as_id=as_id, from_t=t
    )


@dataclass
class BruteMap:
    """One entry per segment between borders."""

    start: PageState
    slots: dict[tuple[int, int], Memslot] = field(default_factory=dict)
    layout_is_known: bool = False

    def __post_init__(self) -> None:
        self.state = dict.fromkeys(SEGMENTS, self.start)
        self.named: set[tuple[int, int]] = set()

    def apply(self, event: np.void) -> int:
        """Returns the effective pages."""
        if event["kind"] in (EventKind.LOSS_BEGIN, EventKind.LOSS_END):
            self.forget()
            return 0
        if event["kind"] not in STATE_CHANGING or event["outcome"] == Outcome.FAILED:
            return 0
        if event["range_certainty"] == Certainty.UNKNOWN:
            self.forget()
            return 0
        first, end = int(event["gfn"]), int(event["gfn"] + event["npages"])
        effective = 0
        for segment in SEGMENTS:
            if not first <= segment[0] < end:
                continue
            self.named.add(segment)
            before, wanted = self.state[segment], PageState(event["to"])
            if before == wanted:
                continue
            if event["outcome"] == Outcome.UNCONFIRMED:
                wanted = PageState.UNKNOWN
            if {before, wanted} == {PageState.SHARED, PageState.PRIVATE}:
                effective += segment[1] - segment[0]
            self.state[segment] = wanted
        return effective

    def forget(self) -> None:
        for segment, state in self.state.items():
            if not (state == PageState.SHARED and self.is_hva_only(segment)):
                self.state[segment] = PageState.UNKNOWN

    def set_memslot(self, slot: Memslot) -> None:
        self.layout_is_known = True
        removed = self.slots.get((slot.as_id, slot.slot), slot)
        self.slots[(slot.as_id, slot.slot)] = slot
        self.share_by_nature(removed)
        self.share_by_nature(slot)

    def delete_memslot(self, as_id: int, slot: int) -> None:
        removed = self.slots.pop((as_id, slot), None)
        if removed is not None:
            self.share_by_nature(removed)

    def share_by_nature(self, slot: Memslot) -> None:
        for segment, state in self.state.items():
            is_there = slot.base_gfn <= segment[0] < slot.end_gfn
            if is_there and state == PageState.UNKNOWN and self.is_hva_only(segment):
                self.state[segment] = PageState.SHARED

    def covering(self, segment: tuple[int, int]) -> list[Memslot]:
        return [s for s in self.slots.values() if s.base_gfn <= segment[0] < s.end_gfn]

    def is_hva_only(self, segment: tuple[int, int]) -> bool:
        slots = self.covering(segment)
        return bool(slots) and not any(slot.backing.can_be_private for slot in slots)

    def drawn(self) -> dict[tuple[int, int], PageState]:
        return {
            segment: state if self.is_drawn(segment) else PageState.NO_MEMSLOT
            for segment, state in self.state.items()
        }

    def is_drawn(self, segment: tuple[int, int]) -> bool:
        return bool(self.covering(segment)) if self.layout_is_known else segment in self.named

    def runs(self) -> RunArray:
        runs: list[tuple[int, int, int]] = []
        for (first, end), state in self.drawn().items():
            if state == PageState.NO_MEMSLOT:
                continue
            if runs and sum(runs[-1][:2]) == first and runs[-1][2] == state:
                runs[-1] = (runs[-1][0], runs[-1][1] + end - first, int(state))
            else:
                runs.append((first, end - first, int(state)))
        return np.array(runs, RUN)

    def mixed_blocks(self) -> int:
        """Only a block with a border inside can be mixed."""
        return sum(self._is_mixed(block) for block in {b // PAGES_PER_2M for b in BORDERS})

    def _is_mixed(self, block: int) -> bool:
        first, end = block * PAGES_PER_2M, (block + 1) * PAGES_PER_2M
        inside = [s for s in SEGMENTS if s[0] < end and s[1] > first]
        meets_memslot = not self.layout_is_known or any(
            slot.base_gfn < end and slot.end_gfn > first for slot in self.slots.values()
        )
        states = {self.state[segment] for segment in inside}
        return meets_memslot and {PageState.SHARED, PageState.PRIVATE} <= states


@dataclass
class Step:
    """One thing that happens at `t`: events, or a memslot set, or (as_id, slot) deleted."""

    t: int
    events: EventArray | None = None
    memslot: Memslot | None = None
    deleted: tuple[int, int] | None = None


@st.composite
def ranges(draw: st.DrawFn) -> tuple[int, int]:
    first, end = sorted(
        draw(st.lists(st.sampled_from(BORDERS), min_size=2, max_size=2, unique=True))
    )
    return first, end


@st.composite
def event_steps(draw: st.DrawFn, t: int) -> Step:
    if draw(st.integers(0, 9)) == 0:
        kind = draw(st.sampled_from([EventKind.LOSS_BEGIN, EventKind.LOSS_END]))
        return Step(t, events=loss(t, kind))
    if draw(st.integers(0, 9)) == 0:
        return Step(t, events=reading(t, *draw(ranges()), draw(st.sampled_from(list(To)))))
    outcome = draw(st.sampled_from([*[Outcome.APPLIED] * 5, *Outcome]))
    certainty = draw(st.sampled_from([*[Certainty.SEEN] * 15, Certainty.UNKNOWN]))
    to = draw(st.sampled_from([To.PRIVATE, To.SHARED, To.PRIVATE, To.SHARED, To.UNKNOWN]))
    return Step(t, events=conversion(t, *draw(ranges()), to, outcome, certainty))


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    """A story with more conversions than memslot calls; memslots may overlap across spaces."""
    story = []
    for t in range(draw(st.integers(0, 25))):
        choice = draw(st.integers(0, 9))
        key = draw(st.sampled_from([(0, 0), (0, 1), (1, 0), (0, 2)]))
        if choice == 0:
            story.append(Step(t, deleted=key))
        elif choice <= 2:
            backing = draw(st.sampled_from(list(Backing)))
            slot = memslot(key[1], *draw(ranges()), backing, t=t, as_id=key[0])
            story.append(Step(t, memslot=slot))
        else:
            story.append(draw(event_steps(t)))
    return story


starts = st.sampled_from([PageState.SHARED, PageState.UNKNOWN])


def tell_brute(brute: BruteMap, step: Step) -> int:
    if step.memslot is not None:
        brute.set_memslot(step.memslot)
    elif step.deleted is not None:
        brute.delete_memslot(*step.deleted)
    else:
        assert step.events is not None
        return brute.apply(step.events[0])
    return 0


def tell(page_map: PageMap, step: Step, seq: int) -> ChangeArray:
    if step.memslot is not None:
        return page_map.set_memslot(step.memslot)
    if step.deleted is not None:
        return page_map.delete_memslot(*step.deleted, step.t)
    assert step.events is not None
    return page_map.apply(step.events, seq)


def tell_all(page_map: PageMap, story: list[Step]) -> list[ChangeArray]:
    return [tell(page_map, step, seq) for seq, step in enumerate(story)]


def redraw(drawn: dict[tuple[int, int], PageState], changes: ChangeArray) -> None:
    """Do the rows to what is drawn; each must find what it says was there."""
    for change in changes[changes["in_memslot"]]:
        first, end = int(change["gfn"]), int(change["gfn"] + change["npages"])
        for segment in SEGMENTS:
            if segment[0] < end and segment[1] > first:
                assert first <= segment[0] and segment[1] <= end, "a row ends inside a segment"
                assert drawn[segment] == change["before"]
                drawn[segment] = PageState(change["after"])


def assert_attributes(page_map: PageMap, brute: BruteMap) -> None:
    """Inside memslots or not: what is listed is so."""
    for gfn, npages, state in page_map.runs(within_memslots=False).tolist():
        for segment in SEGMENTS:
            if gfn <= segment[0] < gfn + npages:
                assert brute.state[segment] == state


def assert_same_state(page_map: PageMap, other: PageMap) -> None:
    np.testing.assert_array_equal(page_map.runs(), other.runs())
    everywhere = page_map.runs(within_memslots=False)
    np.testing.assert_array_equal(everywhere, other.runs(within_memslots=False))
    assert page_map.totals() == other.totals()
    assert page_map.mixed_blocks == other.mixed_blocks
    assert page_map.layout_is_known == other.layout_is_known
    assert page_map.memslots == other.memslots


laws = settings(deadline=None, max_examples=150)


@laws
@given(starts, steps())
def test_state_rows_sums_and_mixed_blocks_equal_the_brute_force(
    start: PageState, story: list[Step]
) -> None:
    page_map, brute = PageMap(start), BruteMap(start)
    drawn = brute.drawn()
    mixed = 0
    for seq, step in enumerate(story):
        changes = tell(page_map, step, seq)
        effective = tell_brute(brute, step)
        redraw(drawn, changes)
        assert drawn == brute.drawn()
        np.testing.assert_array_equal(page_map.runs(), brute.runs())
        assert_attributes(page_map, brute)
        mixed += int(changes["mixed_delta"].sum())
        assert page_map.mixed_blocks == brute.mixed_blocks() == mixed
        totals, runs = page_map.totals(), brute.runs()
        for state, pages in zip(
            (PageState.PRIVATE, PageState.SHARED, PageState.UNKNOWN),
            (totals.private, totals.shared, totals.unknown),
            strict=True,
        ):
            assert pages == runs["npages"][runs["state"] == state].sum()
        if step.events is not None:
            assert step.events["effective_pages"][0] == effective
            is_reading = step.events["kind"][0] == EventKind.STATE_READ
            assert (changes["event"] == (-1 if is_reading else seq)).all()


@laws
@given(starts, steps(), st.integers(0, 25))
def test_keyframe_and_changes_give_the_state_at_the_end(
    start: PageState, story: list[Step], cut: int
) -> None:
    page_map = PageMap(start)
    tell_all(page_map, story[:cut])
    seeking = PageMap.from_bytes(page_map.to_bytes(), page_map.memslots)
    assert_same_state(seeking, page_map)
    changes = tell_all(page_map, story[cut:])
    seeking.replay(np.concatenate([np.empty(0, CHANGE), *changes]), page_map.memslots)
    assert_same_state(seeking, page_map)


@laws
@given(starts, steps(), st.integers(0, 25))
def test_a_map_read_back_from_a_keyframe_goes_on_alike(
    start: PageState, story: list[Step], cut: int
) -> None:
    page_map = PageMap(start)
    tell_all(page_map, story[:cut])
    other = PageMap.from_bytes(page_map.to_bytes(), page_map.memslots)
    for ours, theirs in zip(
        tell_all(page_map, story[cut:]), tell_all(other, story[cut:]), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@laws
@given(starts, steps())
def test_batch_borders_never_matter(start: PageState, story: list[Step]) -> None:
    events = np.concatenate(
        [np.empty(0, EVENT), *(s.events for s in story if s.events is not None)]
    )
    together, one_by_one = PageMap(start), PageMap(start)
    batch, single = events.copy(), events.copy()
    changes = together.apply(batch, 7)
    rows = [one_by_one.apply(single[i : i + 1], 7 + i) for i in range(len(single))]
    np.testing.assert_array_equal(changes, np.concatenate([np.empty(0, CHANGE), *rows]))
    np.testing.assert_array_equal(batch, single)
    assert_same_state(together, one_by_one)
