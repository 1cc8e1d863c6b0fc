"""Stories of guests, given to a page map and to one so plain that it can only be right."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from app.model.events import EVENT, RUN, ChangeArray, EventArray, RunArray
from app.model.guest import (
    GFN_LIMIT,
    PAGES_PER_2M,
    Backing,
    Certainty,
    EventKind,
    Memslot,
    Outcome,
    PageState,
    To,
)
from app.model.pagemap import PageMap

LEAF = 1 << 18
GROUP = 1 << 29
PLACES = (
    {0, 1, 5, 63, 64, 65, 127, 128, 500, 511, 512, 513, 1023, 1024, 1500}
    | {LEAF - 513, LEAF - 512, LEAF - 1, LEAF, LEAF + 1, LEAF + 700, 2 * LEAF, 2 * LEAF + 64}
    | {5 * LEAF + 3, GROUP - LEAF, GROUP - 1, GROUP, GROUP + 9, GROUP + LEAF, 3 * GROUP}
    | {GFN_LIMIT - GROUP - 3, GFN_LIMIT - LEAF, GFN_LIMIT - 512, GFN_LIMIT - 1, GFN_LIMIT}
)
"""Every range in the property tests begins and ends at two of these."""

BORDERS = sorted(
    PLACES
    | {place - place % PAGES_PER_2M for place in PLACES}
    | {place + -place % PAGES_PER_2M for place in PLACES}
)
"""Those, and where the 2 MiB blocks begin and end in which they lie: a row may end there."""

SEGMENTS = list(pairwise(BORDERS))
BEFORE_ALL = -(1 << 62)
STATE_CHANGING = (EventKind.CONVERSION, EventKind.STATE_READ, EventKind.DOUBT)


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


def doubt(t: int, first: int, end: int, to: To, certainty: Certainty) -> EventArray:
    event = conversion(t, first, end, to, Outcome.UNCONFIRMED, certainty)
    event["kind"] = EventKind.DOUBT
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
    gaps: int = 0  # under way
    gap_end: int = BEFORE_ALL

    def __post_init__(self) -> None:
        self.state = dict.fromkeys(SEGMENTS, self.start)
        self.named: set[tuple[int, int]] = set()

    def apply(self, event: np.void) -> int:
        """Returns the effective pages."""
        if event["kind"] in (EventKind.LOSS_BEGIN, EventKind.LOSS_END):
            self.forget()
            self.pass_gap(event)
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
            if event["outcome"] == Outcome.UNCONFIRMED or self.may_be_undone(event):
                wanted = PageState.UNKNOWN
            if {before, wanted} == {PageState.SHARED, PageState.PRIVATE}:
                effective += segment[1] - segment[0]
            self.state[segment] = wanted
        return effective

    def pass_gap(self, event: np.void) -> None:
        if event["kind"] == EventKind.LOSS_BEGIN:
            self.gaps += 1
        else:
            self.gaps = max(0, self.gaps - 1)
            self.gap_end = int(event["t"])

    def may_be_undone(self, event: np.void) -> bool:
        return self.gaps > 0 or int(event["t"]) < self.gap_end

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

    def mixed_blocks(self) -> set[int]:
        """Only a block with a border inside can be mixed."""
        return {block for block in {b // PAGES_PER_2M for b in PLACES} if self._is_mixed(block)}

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
        draw(st.lists(st.sampled_from(sorted(PLACES)), min_size=2, max_size=2, unique=True))
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
    if draw(st.integers(0, 9)) == 0:
        return Step(t, events=doubt(t, *draw(ranges()), to, certainty))
    event = conversion(t, *draw(ranges()), to, outcome, certainty)
    if outcome != Outcome.UNCONFIRMED:  # it takes effect at its return
        event["latency_ns"] = draw(st.sampled_from([0, 0, 1, 5]))
        event["t"] -= event["latency_ns"]
    return Step(t, events=event)


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


def apply_step(page_map: PageMap, step: Step, seq: int) -> ChangeArray:
    if step.memslot is not None:
        return page_map.set_memslot(step.memslot)
    if step.deleted is not None:
        return page_map.delete_memslot(*step.deleted, step.t)
    assert step.events is not None
    return page_map.apply(step.events, seq)


def is_in_doubt(story: list[Step], cut: int) -> bool:
    """Whether events that come after `cut` may be undone by what was lost before it."""
    brute = BruteMap(PageState.UNKNOWN)
    for step in story[:cut]:
        if step.events is not None and step.events["kind"][0] not in STATE_CHANGING:
            brute.pass_gap(step.events[0])
    later = (step.events for step in story[cut:] if step.events is not None)
    return any(brute.may_be_undone(events[0]) for events in later)


def tell_all(page_map: PageMap, story: list[Step]) -> list[ChangeArray]:
    return [apply_step(page_map, step, seq) for seq, step in enumerate(story)]
