"""What finding storms reads of a VM: its events counted in bins, their instants, and the sums of a
burst. All of it, or what came by some event: of a recording that goes on no more is known."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from app.model.events import LIMIT
from app.model.guest import EventKind
from app.model.stats import BIN_SHIFT, Bins, Burst, EventQuery, Instants, InstantsIn, only
from app.queries.choices import StormKind
from app.queries.figures import bounded, could_hold, row_id
from app.queries.storms._statistics import per_second
from app.queries.storms._storm_list import StormRow
from app.store.read import Reader
from app.store.schema import Vm

KINDS = {
    StormKind.CONVERSIONS: EventKind.CONVERSION,
    StormKind.PAGE_FAULTS: EventKind.PAGE_FAULT,
}
"""The events that a storm of a kind is made of."""
_PREFIXES = {StormKind.CONVERSIONS: "c", StormKind.PAGE_FAULTS: "f"}
_WHOLE_SHIFT = 30
"""Whole intervals of 2^30 ns are borders of the quanta of nearly all summaries."""
_SLICE_BINS = 1 << 14
"""Bins that are counted at once, whether anything is in them or not: 37 minutes, a few MiB."""
_EVENTS_PER_BIN = 16
"""Bins are counted by summaries where there are as many events for each, all in all."""
Names = list[str]


class StormReading:
    """Reads for whoever finds storms, once or while they happen."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def is_recorded(self, vm: Vm, kind: StormKind) -> bool:
        return could_hold(vm, self._reader.recording(vm.recording_id), KINDS[kind].name.lower())

    def kept_since(self, vm: Vm) -> int | None:
        """From when on all events are kept, if retention took any: in what is left before, there
        is nothing to compare with. A border of bins."""
        if not self._reader.expired(row_id(vm)):
            return None
        return -(-self._reader.kept_since(row_id(vm), LIMIT) >> BIN_SHIFT) << BIN_SHIFT

    def created_t(self, vm: Vm) -> int | None:
        """If storms are still looked for from then on."""
        since = self.kept_since(vm)
        is_kept = vm.created_t is not None and (since is None or since <= vm.created_t)
        return vm.created_t if is_kept else None

    def bins(self, vm: Vm, before_bin: int | None = None) -> dict[StormKind, Bins]:
        """By kind: from summaries, or from the events where these are few for the time. With
        `before_bin`, those before it alone. Of a time of which all events are kept."""
        first, last = (t >> BIN_SHIFT for t in self._reader.span(row_id(vm)))
        first = max(first, (self.kept_since(vm) or 0) >> BIN_SHIFT)
        last = max(first, last)
        end = last + 1 if before_bin is None else max(first, before_bin)
        if end - first > max(_SLICE_BINS, vm.events // _EVENTS_PER_BIN):
            return {kind: self._bins_of_events(vm, kind, first, end) for kind in KINDS}
        slices = [
            self._count(vm, start, min(start + _SLICE_BINS, end))
            for start in range(first, end, _SLICE_BINS)
        ]
        return {kind: Bins.of_all(first, end, [bins[kind] for bins in slices]) for kind in KINDS}

    def instants_in(self, vm_id: int, kind: StormKind, end_seq: int | None = None) -> InstantsIn:
        """A function that reads all events' instants in an interval; with `end_seq`, those of the
        VM's events before that one alone."""

        def instants_in(from_t: int, to_t: int) -> Instants:
            chunks = self._chunks(vm_id, kind, (from_t, to_t), end_seq)
            return np.concatenate((np.zeros(0, np.int64), *chunks))

        return instants_in

    def id_of(self, vm_id: int, kind: StormKind, burst: Burst) -> str:
        _, seqs = self._reader.events(vm_id, _query(kind, burst.from_t, burst.to_t + 1), limit=1)
        return f"{_PREFIXES[kind]}{int(seqs[0])}"

    def row(self, vm: Vm, kind: StormKind, burst: Burst, peak: float) -> StormRow:
        from_t, to_t = burst.from_t, burst.to_t + 1
        failed, changed, least = self.sums(row_id(vm), from_t, to_t)
        return StormRow(
            id=self.id_of(row_id(vm), kind, burst),
            kind=kind,
            from_t=from_t,
            to_t=to_t,
            in_boot=burst.in_boot,
            calls=burst.calls,
            failed=failed if kind is StormKind.CONVERSIONS else 0,
            per_second=per_second(burst.calls, from_t, to_t),
            peak_per_second=peak,
            pages_changed=changed,
            at_least=least,
        )

    def _count(self, vm: Vm, first: int, end: int) -> dict[StormKind, Bins]:
        """From summaries."""
        edges = np.arange(first, end + 1, dtype=np.int64) << BIN_SHIFT
        timeline = self._reader.timeline(row_id(vm), edges)
        return {
            StormKind.CONVERSIONS: Bins.of_dense(first, timeline.requested),
            StormKind.PAGE_FAULTS: Bins.of_dense(first, timeline.page_faults),
        }

    def _bins_of_events(self, vm: Vm, kind: StormKind, first: int, end: int) -> Bins:
        """As much work and memory as there are events, however long they are apart."""
        parts = []
        for instants in self._chunks(row_id(vm), kind, (first << BIN_SHIFT, end << BIN_SHIFT)):
            at, counts = np.unique(instants >> BIN_SHIFT, return_counts=True)
            parts.append(Bins(first, end, at, counts))
        return Bins.of_all(first, end, parts)

    def _chunks(
        self, vm_id: int, kind: StormKind, between: tuple[int, int], end_seq: int | None = None
    ) -> Iterator[Instants]:
        for instants, _, seqs in self._reader.iter_instants(vm_id, _query(kind, *between)):
            known = len(seqs) if end_seq is None else int(np.searchsorted(seqs, end_seq))
            yield instants[:known]

    def sums(self, vm_id: int, from_t: int, to_t: int) -> tuple[int, int | None, Names]:
        """(failed conversions, pages that conversions changed, whether that is a lower bound): from
        summaries but for the ends."""
        first, last = -(-from_t >> _WHOLE_SHIFT), to_t >> _WHOLE_SHIFT
        cuts = [first << _WHOLE_SHIFT, last << _WHOLE_SHIFT] if last > first else []
        failed, changed, is_open = 0, 0, False
        for edges in pairwise(dict.fromkeys((from_t, *cuts, to_t))):
            timeline = self._reader.timeline(vm_id, np.array(edges, np.int64))
            failed += int(timeline.failed[0])
            changed += int(timeline.pages_changed[0])
            is_open |= bool(timeline.leaves_open[0])
        name = "pages_changed"
        values, least = bounded({name: changed}, [name] if is_open else [])
        return failed, values[name], least


def _query(kind: StormKind, from_t: int, to_t: int) -> EventQuery:
    """The events that a storm of a kind is made of."""
    return EventQuery(from_t, to_t, where=only(KINDS[kind]))
