"""What every page of one VM is, and what each event really changed."""

from collections.abc import Iterable

import numpy as np

from app.model.events import CHANGE, RUN, ChangeArray, EventArray, RunArray, last_effect_time
from app.model.guest import GFN_LIMIT, EventKind, Memslot, PageState, To, Totals, require_pages
from app.model.pagemap._apply import INDEX, apply_events, disorder, new_cursor, replay_changes
from app.model.pagemap._change_rows import new_rows, with_rows
from app.model.pagemap._drive import drive, list_mixed
from app.model.pagemap._gaps import may_be_undone
from app.model.pagemap._keyframe import Keyframe, decode, encode
from app.model.pagemap._live_slots import LiveSlots, SlotKey
from app.model.pagemap._mixed_blocks import Blocks, with_mixed_blocks
from app.model.pagemap._rules import Operation
from app.model.pagemap._slot_cover import END, EVERYTHING, FIRST, LiveCover, block_hulls, cover_of
from app.model.pagemap._tree import (
    DEFAULT,
    FLIPPED,
    MIXED,
    ROWS,
    TOTALS,
    Tree,
    for_reading,
    new_tree,
    touch,
    with_room,
)

_MAY_CHANGE = np.zeros(256, np.bool_)
_MAY_CHANGE[
    [
        EventKind.CONVERSION,
        EventKind.STATE_READ,
        EventKind.DOUBT,
        EventKind.LOSS_BEGIN,
        EventKind.LOSS_END,
    ]
] = True
"""By kind: events that `apply_events` looks at. Memslot calls, each an event, are none."""


class PageMap:
    """The attribute of every gfn in [0, 2^40) and the live memslots of one VM.

    Attributes belong to gfns: they outlive memslots and may exist where none is. While no memslot
    of the VM was ever known (`layout_is_known` is False), the pages that conversions named stand
    for its memory: each appears (a row with before=NO_MEMSLOT) when first named, and once a
    memslot is known those outside it disappear (after=NO_MEMSLOT).

    A 2 MiB block is mixed if it holds a page known private and a page known shared and a live
    memslot meets it (any block, while the layout is not known).
    """

    def __init__(self, start_state: PageState) -> None:
        self._tree = new_tree(start_state)
        self._cover = LiveCover(EVERYTHING)
        self._slots = LiveSlots()
        self._may_be_mixed = start_state == PageState.PRIVATE  # some page was private once
        self.layout_is_known = False
        self.last_t = np.iinfo(np.int64).min

    @property
    def memslots(self) -> tuple[Memslot, ...]:
        """The live memslots, by address space and id."""
        return self._slots.in_order()

    @property
    def tree(self) -> Tree:
        """What every page is, as compiled code reads it; not to be changed."""
        return self._tree

    @property
    def mixed_blocks(self) -> int:
        return int(self._tree.meta[MIXED])

    @property
    def nbytes(self) -> int:
        """Memory that the map takes, for caches that are bounded by it."""
        return sum(part.nbytes for part in self._tree)

    def totals(self) -> Totals:
        pages = self._tree.meta[TOTALS:]
        return Totals(
            private=int(pages[PageState.PRIVATE]),
            shared=int(pages[PageState.SHARED]),
            unknown=int(pages[PageState.UNKNOWN]),
        )

    def may_be_undone(self, entered: int) -> bool:
        """Whether events were lost that may undo what one does that was entered then."""
        return may_be_undone(self._tree.meta, entered)

    def set_memslot(self, memslot: Memslot) -> ChangeArray:
        """Put a memslot in place of any with its id, from `memslot.from_t` on.

        Rows: pages newly covered (before=NO_MEMSLOT), pages no longer covered
        (after=NO_MEMSLOT), and unknown pages that became shared because only hva backs them.
        Raises ValueError if time decreases, and if no guest can have such pages.
        """
        require_pages([memslot])
        key = (memslot.as_id, memslot.slot)
        return self._relayout(key, memslot, memslot.from_t)

    def delete_memslot(self, as_id: int, slot: int, t: int) -> ChangeArray:
        """Take a memslot away; nothing happens if it is not known. Attributes stay.

        Raises ValueError if time decreases.
        """
        key = (as_id, slot)
        if key not in self._slots:
            return np.empty(0, CHANGE)
        return self._relayout(key, None, t)

    def _relayout(self, key: SlotKey, added: Memslot | None, t: int) -> ChangeArray:
        self._advance_to(t)
        removed = self._slots.pop(key)
        if added is not None:
            self._slots.put(added)
            if not self.layout_is_known:
                return self._first_memslot(added, t)
        ranges = [(s.base_gfn, s.end_gfn) for s in (removed, added) if s is not None]
        hulls = block_hulls(ranges)
        mixed_before = self._mixed_in(hulls)
        # Where nothing was covered, appearing makes of pages all that their new place does.
        may_be_hva_now = [span for span in ranges if self._cover.meets(*span)]
        appeared = self._appear(added, t)
        for span in ranges:
            self._cover.recover(*span, self._slots.touching(*span))
        steps = self._vanish(removed, t) + appeared
        for span in may_be_hva_now:
            if self._cover.meets(*span):
                steps.append(self._drive(Operation.SHARED_BY_NATURE, *span, t))
        for span in ranges:
            touch(self._tree, *span)
        return self._with_mixed(steps, mixed_before, self._mixed_in(hulls))

    def _vanish(self, removed: Memslot | None, t: int) -> list[ChangeArray]:
        """What no memslot covers any more."""
        if removed is None:
            return []
        return [self._drive(Operation.VANISH, removed.base_gfn, removed.end_gfn, t)]

    def _appear(self, added: Memslot | None, t: int) -> list[ChangeArray]:
        """What the cover, which is still without the memslot, does not hold."""
        if added is None:
            return []
        can_be_private = added.backing.can_be_private
        operation = Operation.APPEAR if can_be_private else Operation.APPEAR_HVA
        return [self._drive(operation, added.base_gfn, added.end_gfn, t)]

    def _first_memslot(self, added: Memslot, t: int) -> ChangeArray:
        """From now on memslots, not the pages that conversions named, decide what is drawn."""
        everywhere = [(0, GFN_LIMIT)]
        mixed_before = self._mixed_in(everywhere)
        can_be_private = added.backing.can_be_private
        operation = Operation.REVEAL if can_be_private else Operation.REVEAL_HVA
        steps = [
            self._drive(Operation.HIDE, 0, added.base_gfn, t),
            self._drive(operation, added.base_gfn, added.end_gfn, t),
            self._drive(Operation.HIDE, added.end_gfn, GFN_LIMIT, t),
        ]
        self._cover, self.layout_is_known = LiveCover(cover_of([added])), True
        steps.append(self._drive(Operation.SHARED_BY_NATURE, 0, GFN_LIMIT, t))
        touch(self._tree, 0, GFN_LIMIT)
        return self._with_mixed(steps, mixed_before, self._mixed_in(everywhere))

    def _with_mixed(self, steps: list[ChangeArray], before: Blocks, after: Blocks) -> ChangeArray:
        """The steps as one, marking which mixed blocks a memslot now meets, or no longer meets."""
        if not len(before) and not len(after):
            return np.concatenate(steps)
        gone, come = np.setdiff1d(before, after), np.setdiff1d(after, before)
        blocks = np.concatenate((gone, come))
        deltas = np.repeat(np.array([-1, 1], np.int32), (len(gone), len(come)))
        self._tree.meta[MIXED] += len(come) - len(gone)
        return np.concatenate(with_mixed_blocks(steps, blocks, deltas))

    def _mixed_in(self, hulls: list[tuple[int, int]]) -> Blocks:
        return np.concatenate([self.mixed_in(*hull) for hull in hulls])

    def mixed_in(self, first_gfn: int, end_gfn: int) -> Blocks:
        """The numbers of the mixed blocks that meet a range of gfns, ascending."""
        room = np.zeros(0, np.int64)
        if not self._may_be_mixed or not self._cover.meets(first_gfn, end_gfn):
            return room
        nodes, _, bitmaps, meta = self._tree
        window = self._cover.pieces, first_gfn, end_gfn
        while (count := list_mixed(room, nodes, bitmaps, meta, *window)) > len(room):
            room = np.zeros(count, np.int64)
        return room

    def _advance_to(self, t: int) -> None:
        if t < self.last_t:
            raise ValueError(f"time decreases: {t} ns after {self.last_t} ns")
        self.last_t = t

    def apply(self, events: EventArray, first_seq: int) -> ChangeArray:
        """Apply events in order of effect time and return the pages whose state changed.

        `effective_pages` is filled in, in place: pages that went between private and shared, both
        known, inside memslots or not. Pages that were or become unknown yield rows too. What a
        STATE_READ found holds from then on, in rows that name no event (-1). A conversion that
        failed changes nothing; one with an unknown range, and a loss, make everything unknown. The
        first of those also yields a row of no pages (npages=0): the pages that nothing ever named
        are unknown from then on. What happens while a loss is under way may be undone by what was
        lost: the pages that it would change become, or stay, unknown.
        Raises ValueError if effect times decrease; nothing is applied then.
        """
        bad = disorder(events, self.last_t)
        if bad >= 0:
            raise ValueError(f"effect times decrease at event {first_seq + bad}")
        if len(events) and not _MAY_CHANGE[events["kind"]].any():
            events["effective_pages"] = 0
            self.last_t = last_effect_time(events)
            return np.empty(0, CHANGE)
        self._may_be_mixed |= bool((events["to"] == To.PRIVATE).any())
        rows, cursor = self._begin(len(events)), new_cursor()
        cover = self._cover.pieces
        while cursor[INDEX] < len(events):
            rows = self._grow(rows)
            apply_events(
                *self._tree, rows, cover, events, first_seq, not self.layout_is_known, cursor
            )
        if len(events):
            self.last_t = last_effect_time(events)
        return self._written(rows)

    def replay(self, changes: ChangeArray, memslots: Iterable[Memslot] | None = None) -> None:
        """Take the map to the end of `changes`, which follow its state.

        `memslots`: those alive then; None: the changes set and deleted none.
        """
        self._may_be_mixed |= bool((changes["after"] == PageState.PRIVATE).any())
        rows, cursor = self._begin(0), new_cursor()
        while cursor[INDEX] < len(changes):
            rows = self._grow(rows)
            replay_changes(*self._tree, rows, changes, cursor)
        if len(changes):
            self.last_t = max(self.last_t, int(changes["t"][-1]))
        if memslots is not None:
            vanished = changes["after"] == PageState.NO_MEMSLOT
            self.layout_is_known |= bool(vanished.any())
            self._adopt(memslots)

    def to_bytes(self) -> bytes:
        """The attributes as a compressed keyframe; the memslots are not in it."""
        return encode(Keyframe(self._tree, self.layout_is_known, int(self.last_t)))

    @classmethod
    def from_bytes(cls, blob: bytes, memslots: Iterable[Memslot]) -> "PageMap":
        """The map that `to_bytes` saw, `memslots` being those alive then.

        Raises ValueError if the bytes are damaged, of another version, or belong to other memslots.
        """
        tree, layout_is_known, last_t = decode(blob)
        page_map = cls(PageState(int(tree.meta[DEFAULT])))
        page_map._tree, page_map.last_t = tree, last_t
        page_map._may_be_mixed, page_map.layout_is_known = True, layout_is_known
        page_map._adopt(memslots)
        pieces = page_map._cover.pieces
        covered = int(np.sum(pieces[:, END] - pieces[:, FIRST]))
        if layout_is_known and covered != int(tree.meta[TOTALS : TOTALS + 3].sum()):
            raise ValueError("the page map keyframe belongs to other memslots")
        return page_map

    def _adopt(self, memslots: Iterable[Memslot]) -> None:
        memslots = list(memslots)
        require_pages(memslots)
        self._slots = LiveSlots(memslots)
        self.layout_is_known |= bool(len(self._slots))
        is_known = self.layout_is_known
        self._cover = LiveCover(cover_of(self._slots.in_order()) if is_known else EVERYTHING)

    def runs(
        self, first_gfn: int = 0, end_gfn: int = GFN_LIMIT, within_memslots: bool = True
    ) -> RunArray:
        """Maximal runs of pages in one state, in gfn order, cut at the window.

        Pages in live memslots (any page that a conversion named, if no memslot was ever known);
        without `within_memslots`, every page whose attribute some row named.
        """
        cover = self._cover.pieces if within_memslots else EVERYTHING
        tree, rows = for_reading(self._tree), new_rows(0)
        while first_gfn < end_gfn:
            rows = with_rows(rows, int(tree.meta[ROWS]))
            first_gfn = drive(*tree, rows, cover, int(Operation.LIST), 0, -1, first_gfn, end_gfn)
        changes = rows[: tree.meta[ROWS]]
        runs = np.empty(len(changes), RUN)
        runs["gfn"], runs["npages"], runs["state"] = (
            changes["gfn"],
            changes["npages"],
            changes["after"],
        )
        return runs

    def _drive(self, operation: Operation, first: int, end: int, t: int) -> ChangeArray:
        """Do one operation that belongs to no event to a range, however much room it takes."""
        rows, cover = self._begin(0), self._cover.pieces
        while first < end:
            rows = self._grow(rows)
            first = drive(*self._tree, rows, cover, int(operation), t, -1, first, end)
        return self._written(rows)

    def _begin(self, count: int) -> ChangeArray:
        self._tree.meta[ROWS] = 0
        self._tree.meta[FLIPPED] = 0
        return new_rows(count)

    def _grow(self, rows: ChangeArray) -> ChangeArray:
        """Make the room that compiled calls need to go on."""
        self._tree = with_room(self._tree)
        return with_rows(rows, int(self._tree.meta[ROWS]))

    def _written(self, rows: ChangeArray) -> ChangeArray:
        return rows[: self._tree.meta[ROWS]]
