"""One segment as it is kept in memory: the columns that questions about time and place need."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place
from app.model.events import CHANGE, EVENT, ChangeArray, EventArray
from app.model.guest import Certainty, EventKind
from app.model.raster import Counts
from app.model.stats import Columns, EventFilter, SlotLife, matching
from app.store.codecs import (
    RelativeChanges,
    Signed,
    Unsigned,
    check_changes,
    check_codes,
    check_ranges,
    check_times,
    effect_times,
    join,
    narrowed,
    read_batch,
    select_changes,
)
from app.store.segments._counting import count_some_events, count_their_changes
from app.store.segments._window import Window

_COLUMNS = ("effect_step", "gfn", "npages", "kind", "to", "outcome", "range_certainty")
_BYTE_COLUMNS = ("kind", "to", "outcome", "range_certainty")
NOWHERE, SOMEWHERE, EVERYWHERE = range(3)
"""Where an event was: not recorded, its range, or possibly any page."""


@dataclass(frozen=True)
class SegmentColumns:
    """The events' times, ranges and kinds, and the changes. About 40 bytes an event."""

    first_seq: int
    effect_t: Signed
    gfn: Unsigned
    npages: Unsigned
    bytes_: dict[str, npt.NDArray[np.uint8]]
    changes: RelativeChanges

    @property
    def nbytes(self) -> int:
        wide = self.effect_t.nbytes + self.gfn.nbytes + self.npages.nbytes
        narrow = (len(self.bytes_) + 1) * len(self.gfn)
        return wide + narrow + self.changes.nbytes

    @cached_property
    def _places(self) -> npt.NDArray[np.uint8]:
        return places_of(**{name: self.bytes_[name] for name in ("kind", "range_certainty")})

    def changes_in(self, window: Window, first: int = 0) -> ChangeArray:
        """The changes from the first-th on that meet a window, in order."""
        changes = self.changes
        output = np.empty(len(changes.states), dtype=CHANGE)
        count = select_changes(
            output,
            self.effect_t,
            self.gfn,
            self.npages,
            self.first_seq,
            changes.index,
            changes.gfn_offset,
            changes.npages_offset,
            changes.mixed_delta,
            changes.states,
            changes.explicit,
            first,
            (window.t_from, window.t_to, window.gfn_from, window.gfn_to),
        )
        return output[:count]

    def indices_in(self, window: Window) -> Signed:
        """Which events meet a window.

        Conversions of an unknown range and losses meet every gfn window: they may have changed
        it. Other events of an unknown range meet only windows of all gfns.
        """
        output = np.empty(len(self.gfn), dtype=np.int64)
        bounds = (window.t_from, window.t_to, window.gfn_from, window.gfn_to)
        count = select_events(
            output, self.effect_t, self.gfn, self.npages, self._places, bounds, window.is_all_gfns
        )
        return output[:count]

    def narrowed(self, indices: Signed, where: EventFilter) -> Signed:
        """Those of these events that a filter wants, as far as these columns show."""
        if where.lives is not None:
            indices = indices[self._in_any_life(where.lives)[indices]]
        columns: Columns = {"gfn": self.gfn, "npages": self.npages, **self.bytes_}
        mask = matching(where, {name: column[indices] for name, column in columns.items()})
        return indices if mask is None else indices[mask]

    def _in_any_life(self, lives: Iterable[SlotLife]) -> npt.NDArray[np.bool_]:
        """Which events meet the range of a memslot while it was there."""
        result = np.zeros(len(self.gfn), np.bool_)
        is_everywhere, is_somewhere = self._places == EVERYWHERE, self._places == SOMEWHERE
        end_gfn = self.gfn + np.maximum(self.npages, 1)
        for life in lives:
            first, end = np.searchsorted(self.effect_t, (life.from_t, life.to_t))
            then = slice(first, end)
            meets = (self.gfn[then] < life.end_gfn) & (end_gfn[then] > life.first_gfn)
            result[then] |= is_everywhere[then] | (meets & is_somewhere[then])
        return result

    def counted_in(self, window: Window) -> EventArray:
        """The events that meet a window with what counting them needs: t is the effect time,
        latency 0; of the other columns only range, kind, to and outcome are filled."""
        indices = self.indices_in(window)
        events = np.zeros(len(indices), dtype=EVENT)
        events["t"] = self.effect_t[indices]
        events["gfn"] = self.gfn[indices]
        events["npages"] = self.npages[indices]
        for name, column in self.bytes_.items():
            events[name] = column[indices]
        return events

    def count(self, counts: Counts, t_edges: Signed, chosen: Signed) -> None:
        """Add some events, which ascend, to the counts of a timeline; no states."""
        names = ("kind", "to", "outcome", "range_certainty")
        kinds = tuple(self.bytes_[name] for name in names)
        count_some_events(counts, t_edges, chosen, self.effect_t, *kinds)
        is_chosen = np.zeros(len(self.gfn), np.bool_)
        is_chosen[chosen] = True
        changes = self.changes
        explicit = np.ascontiguousarray(changes.explicit["npages"])
        rows = (changes.index, changes.states, changes.npages_offset, explicit)
        count_their_changes(counts, t_edges, is_chosen, self.effect_t, self.npages, *rows)


def decode_columns(
    event_blob: bytes, changes: RelativeChanges, first_seq: int, first_t: int
) -> SegmentColumns:
    """Raises ValueError if they are none that were stored."""
    batch = read_batch(event_blob, _COLUMNS)
    columns = SegmentColumns(
        first_seq=first_seq,
        effect_t=effect_times(batch, first_t),
        gfn=join(batch, "gfn"),
        npages=join(batch, "npages"),
        bytes_={name: narrowed(join(batch, name), np.uint8) for name in _BYTE_COLUMNS},
        changes=changes,
    )
    check_times(columns.effect_t, first_t)
    check_ranges(columns.bytes_["kind"], columns.gfn, columns.npages)
    check_codes(columns.bytes_)
    check_changes(changes, columns.gfn, columns.npages)
    return columns


def places_of(
    kind: npt.NDArray[np.uint8], range_certainty: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """NOWHERE, SOMEWHERE or EVERYWHERE for each event."""
    has_range = range_certainty != Certainty.UNKNOWN
    is_loss = (kind == EventKind.LOSS_BEGIN) | (kind == EventKind.LOSS_END)
    converts = (kind == EventKind.CONVERSION) | (kind == EventKind.DOUBT)
    is_everywhere = is_loss | (converts & ~has_range)
    return np.where(is_everywhere, EVERYWHERE, np.where(has_range, SOMEWHERE, NOWHERE)).astype(
        np.uint8
    )


@hot_in_place
def select_events(
    output: Signed,
    effect_t: Signed,
    gfn: Unsigned,
    npages: Unsigned,
    places: npt.NDArray[np.uint8],
    window: tuple[int, int, int, int],
    is_all_gfns: bool,
) -> int:
    """Write the indices of the events that meet a window; returns how many."""
    first_t, end_t = window[0], window[1]
    first_gfn, end_gfn = np.uint64(window[2]), np.uint64(window[3])
    count = 0
    for i in range(effect_t.size):
        if effect_t[i] < first_t or effect_t[i] >= end_t:
            continue
        if not is_all_gfns and places[i] != EVERYWHERE:
            end = gfn[i] + max(npages[i], np.uint64(1))
            if gfn[i] >= end_gfn or end <= first_gfn:
                continue
            if places[i] == NOWHERE:
                continue
        output[count] = i
        count += 1
    return count
