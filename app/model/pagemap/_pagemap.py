"""What every page of one VM is, and what each event really changed."""

from collections.abc import Iterable

import numpy as np

from app.model.events import CHANGE, RUN, ChangeArray, EventArray, RunArray, last_effect_time
from app.model.guest import GFN_LIMIT, EventKind, Memslot, PageState, To, Totals, require_pages
from app.model.pagemap._apply import (
    apply_events,
    disorder,
    may_be_undone,
    new_cursor,
    replay_changes,
)
from app.model.pagemap._keyframe import Keyframe, decode, encode
from app.model.pagemap._layout import Blocks, Layout
from app.model.pagemap._live_memslots import EVERYTHING
from app.model.pagemap._map_arrays import Action, MapArrays, new_rows, with_rows
from app.model.pagemap._operate import LiveTree, operate
from app.model.pagemap._rules import Operation
from app.model.pagemap._tree import DEFAULT, MIXED, ROWS, TOTALS, Tree, for_reading, new_tree

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
        self._hold(new_tree(start_state), may_be_mixed=start_state == PageState.PRIVATE)
        self.last_t = np.iinfo(np.int64).min

    def _hold(self, tree: Tree, may_be_mixed: bool) -> None:
        self._tree = LiveTree(tree, may_be_mixed)
        self._layout = Layout(self._tree)

    @property
    def layout_is_known(self) -> bool:
        return self._layout.is_known

    @property
    def memslots(self) -> tuple[Memslot, ...]:
        """The live memslots, by address space and id."""
        return self._layout.memslots

    @property
    def tree(self) -> Tree:
        """What every page is, as compiled code reads it; not to be changed."""
        return self._tree.tree

    @property
    def mixed_blocks(self) -> int:
        return int(self.tree.meta[MIXED])

    @property
    def nbytes(self) -> int:
        """Memory that the map takes, for caches that are bounded by it."""
        return sum(part.nbytes for part in self.tree)

    def totals(self) -> Totals:
        pages = self.tree.meta[TOTALS:]
        return Totals(
            private=int(pages[PageState.PRIVATE]),
            shared=int(pages[PageState.SHARED]),
            unknown=int(pages[PageState.UNKNOWN]),
        )

    def may_be_undone(self, entered: int) -> bool:
        """Whether events were lost that may undo what one does that was entered then."""
        return may_be_undone(self.tree.meta, entered)

    def set_memslot(self, memslot: Memslot) -> ChangeArray:
        """Put a memslot in place of any with its id, from `memslot.from_t` on.

        Rows: pages newly covered (before=NO_MEMSLOT), pages no longer covered
        (after=NO_MEMSLOT), and unknown pages that became shared because only hva backs them.
        Raises ValueError if time decreases, and if no guest can have such pages.
        """
        require_pages([memslot])
        self._advance_to(memslot.from_t)
        return self._layout.replace((memslot.as_id, memslot.slot), memslot, memslot.from_t)

    def delete_memslot(self, as_id: int, slot: int, t: int) -> ChangeArray:
        """Take a memslot away; nothing happens if it is not known. Attributes stay.

        Raises ValueError if time decreases.
        """
        if (as_id, slot) not in self._layout:
            return np.empty(0, CHANGE)
        self._advance_to(t)
        return self._layout.replace((as_id, slot), None, t)

    def mixed_in(self, first_gfn: int, end_gfn: int) -> Blocks:
        """The numbers of the mixed blocks that meet a range of gfns, ascending."""
        return self._layout.mixed_in(first_gfn, end_gfn)

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
        self._tree.may_be_mixed |= bool((events["to"] == To.PRIVATE).any())
        rows, cursor = self._tree.begin(len(events)), new_cursor()
        shows_touched, is_done = not self.layout_is_known, False
        while not is_done:
            arrays = self._tree.grown(rows, self._layout.cover)
            rows = arrays.rows
            is_done = apply_events(arrays, events, first_seq, shows_touched, cursor)
        if len(events):
            self.last_t = last_effect_time(events)
        return self._tree.written(rows)

    def replay(self, changes: ChangeArray, memslots: Iterable[Memslot] | None = None) -> None:
        """Take the map to the end of `changes`, which follow its state.

        `memslots`: those alive then; None: the changes set and deleted none.
        """
        self._tree.may_be_mixed |= bool((changes["after"] == PageState.PRIVATE).any())
        rows, cursor, is_done = self._tree.begin(0), new_cursor(), False
        while not is_done:
            arrays = self._tree.grown(rows, self._layout.cover)
            rows = arrays.rows
            is_done = replay_changes(arrays, changes, cursor)
        if len(changes):
            self.last_t = max(self.last_t, int(changes["t"][-1]))
        if memslots is not None:
            vanished = changes["after"] == PageState.NO_MEMSLOT
            self._layout.is_known |= bool(vanished.any())
            self._layout.adopt(memslots)

    def to_bytes(self) -> bytes:
        """The attributes as a compressed keyframe; the memslots are not in it."""
        return encode(Keyframe(self.tree, self.layout_is_known, int(self.last_t)))

    @classmethod
    def from_bytes(cls, blob: bytes, memslots: Iterable[Memslot]) -> "PageMap":
        """The map that `to_bytes` saw, `memslots` being those alive then.

        Raises ValueError if the bytes are damaged, of another version, or belong to other memslots.
        """
        keyframe = decode(blob)
        page_map = cls._of(keyframe, memslots)
        pages = int(keyframe.tree.meta[TOTALS : TOTALS + 3].sum())
        if keyframe.layout_is_known and page_map._layout.pages != pages:
            raise ValueError("the page map keyframe belongs to other memslots")
        return page_map

    def copied(self) -> "PageMap":
        """One that goes on by itself."""
        nodes, dirty, bitmaps, meta = self.tree
        tree = Tree(nodes.copy(), dirty.copy(), bitmaps.copy(), meta.copy())
        return self._of(Keyframe(tree, self.layout_is_known, int(self.last_t)), self.memslots)

    @classmethod
    def _of(cls, keyframe: Keyframe, memslots: Iterable[Memslot]) -> "PageMap":
        page_map = cls(PageState(int(keyframe.tree.meta[DEFAULT])))
        page_map._hold(keyframe.tree, may_be_mixed=True)
        page_map.last_t = keyframe.last_t
        page_map._layout.is_known = keyframe.layout_is_known
        page_map._layout.adopt(memslots)
        return page_map

    def runs(
        self, first_gfn: int = 0, end_gfn: int = GFN_LIMIT, within_memslots: bool = True
    ) -> RunArray:
        """Maximal runs of pages in one state, in gfn order, cut at the window.

        Pages in live memslots (any page that a conversion named, if no memslot was ever known);
        without `within_memslots`, every page whose attribute some row named.
        """
        cover = self._layout.cover if within_memslots else EVERYTHING
        tree, rows = for_reading(self.tree), new_rows(0)
        listing = Action(int(Operation.LIST), 0, -1)
        while first_gfn < end_gfn:
            rows = with_rows(rows, int(tree.meta[ROWS]))
            first_gfn = operate(MapArrays(tree, rows, cover), listing, first_gfn, end_gfn)
        changes = rows[: tree.meta[ROWS]]
        runs = np.empty(len(changes), RUN)
        runs["gfn"], runs["npages"], runs["state"] = (
            changes["gfn"],
            changes["npages"],
            changes["after"],
        )
        return runs
