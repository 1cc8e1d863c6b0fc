"""The states that pages in a row went through."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from app.model.events import CHANGE, ChangeArray, Window
from app.model.guest import PageState, Totals
from app.store.read import Reader

MIXED = "mixed"
_FLIP = PageState.SHARED + PageState.PRIVATE
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StateAfter:
    """What the pages were after something, and how many of them it changed."""

    state: str
    pages: Totals
    changed_pages: int


@dataclass(frozen=True)
class PageStates:
    """Changes of these pages in order, each cut to them; `event` is -1 where no event made it."""

    rows: ChangeArray
    npages: int
    start: Ints
    """Pages by PageState before all rows."""

    @cached_property
    def _pages(self) -> Ints:
        """[rows + 1, states]: how many pages were in each state before each row, and at the end."""
        rows = self.rows
        steps = np.zeros((len(rows) + 1, len(PageState)), np.int64)
        steps[0] = self.start
        # Attributes may change where no memslot is: that is no page of the guest's.
        pages = np.where(rows["in_memslot"], rows["npages"], 0).astype(np.int64)
        at = np.arange(1, len(rows) + 1)
        np.add.at(steps, (at, rows["before"]), -pages)
        np.add.at(steps, (at, rows["after"]), pages)
        return np.cumsum(steps, axis=0)

    @cached_property
    def _changed(self) -> Ints:
        """How many pages all rows before each one changed."""
        is_other = self.rows["before"] != self.rows["after"]
        pages = np.where(is_other, self.rows["npages"], 0).astype(np.int64)
        return np.concatenate(([0], np.cumsum(pages)))

    @cached_property
    def _by_event(self) -> tuple[Ints, Ints]:
        """Rows in the order of their events, and these events."""
        order = np.argsort(self.rows["event"], kind="stable")
        return order, self.rows["event"][order]

    def after(self, t: int, seq: int) -> StateAfter:
        """After an event; if it changed nothing, at its time."""
        order, events = self._by_event
        first, end = np.searchsorted(events, (seq, seq + 1))
        if first < end:
            return self._after(int(order[first]), int(order[end - 1]) + 1)
        done = int(np.searchsorted(self.rows["t"], t, side="right"))
        return self._after(done, done)

    def layout_changes(self) -> Iterator[tuple[int, str, StateAfter]]:
        """What no event did, an instant at a time: (t, what, afterwards)."""
        alone = np.flatnonzero(self.rows["event"] < 0)
        times, firsts = np.unique(self.rows["t"][alone], return_index=True)
        for t, of_instant in zip(times.tolist(), np.split(alone, firsts[1:]), strict=False):
            after = self._after(int(of_instant[0]), int(of_instant[-1]) + 1)
            yield t, _what(self.rows[of_instant]), after

    def flips_of(self, seqs: Ints) -> int:
        """How often pages went between private and shared by these events, summed over pages."""
        rows = self.rows
        is_flip = (rows["before"] != rows["after"]) & (rows["before"] + rows["after"] == _FLIP)
        return int(rows["npages"][is_flip & np.isin(rows["event"], seqs)].sum())

    @property
    def meets_unknown(self) -> bool:
        """Was the state of any page unknown: did it flip unseen?"""
        rows = self.rows
        either = (rows["before"] == PageState.UNKNOWN) | (rows["after"] == PageState.UNKNOWN)
        return bool(either.any()) or bool(self._pages[:, PageState.UNKNOWN].any())

    def _after(self, first: int, end: int) -> StateAfter:
        """After the rows [first, end)."""
        pages = self._pages[end]
        return StateAfter(
            self._state(pages, end),
            Totals(
                private=int(pages[PageState.PRIVATE]),
                shared=int(pages[PageState.SHARED]),
                unknown=int(pages[PageState.UNKNOWN]),
            ),
            int(self._changed[end] - self._changed[first]),
        )

    def _state(self, pages: Ints, end: int) -> str:
        if self.npages == 1 and end:  # a page's attribute is shown, memslot or not
            return state_name(PageState(int(self.rows["after"][end - 1])))
        states = np.flatnonzero(pages)
        return state_name(PageState(int(states[0]))) if len(states) == 1 else MIXED


def page_states(
    reader: Reader, vm_id: int, gfns: tuple[int, int], times: tuple[int | None, int | None]
) -> PageStates:
    """The life of the pages [first, end) in a window of time; None stands for no bound."""
    first, end = gfns
    start = np.zeros(len(PageState), np.int64)
    if times[0] is not None:
        runs = reader.page_map_at(vm_id, times[0] - 1).runs(first, end)
        np.add.at(start, runs["state"], runs["npages"].astype(np.int64))
    start[PageState.NO_MEMSLOT] = end - first - start.sum()
    chunks = reader.iter_changes(vm_id, Window.of(*times, first, end))
    rows = np.concatenate([np.empty(0, CHANGE), *(_cut(chunk, first, end) for chunk in chunks)])
    return PageStates(rows, end - first, start)


def _cut(changes: ChangeArray, first: int, end: int) -> ChangeArray:
    """The part of each change that concerns these pages. Rows of no pages name none."""
    rows = changes[changes["npages"] > 0]
    ends = np.minimum(rows["gfn"] + rows["npages"], np.uint64(end))
    rows["gfn"] = np.maximum(rows["gfn"], np.uint64(first))
    rows["npages"] = ends - rows["gfn"]
    return rows


def _what(rows: ChangeArray) -> str:
    if (rows["before"] == PageState.NO_MEMSLOT).any():
        return "memslot set"
    if (rows["after"] == PageState.NO_MEMSLOT).any():
        return "memslot deleted"
    return "state settled by a memslot"


def state_name(state: PageState) -> str:
    return state.name.lower().replace("_", " ")
