"""What happened to a VM, event by event and change by change, and what damage took of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine

from app.model.events import EVENT, LIMIT, WHOLE, ChangeArray, EventArray, Window
from app.model.stats import ALL_EVENTS, EventQuery
from app.store.catalogue import Catalogue
from app.store.checksums import PartDamagedError
from app.store.database import snapshot
from app.store.errors import NotKept
from app.store.protocol import Loss
from app.store.segments import (
    ByteCache,
    Damage,
    Pyramids,
    SegmentColumns,
    SegmentInfo,
    Segments,
    Source,
)

DAMAGE = "damaged database"
"""The source of losses that are none of the recording's."""

Seqs = npt.NDArray[np.int64]
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
AnyReader = TypeVar("AnyReader", bound="EventReader")


@dataclass(frozen=True, slots=True)
class Expired:
    """A stretch of a VM whose events are no longer kept (app.store.retention)."""

    from_t: int
    to_t: int
    count: int
    cell_ns: int | None  # how long the cells are that are still known; None: none are


def despite_damage(
    answer: Callable[Concatenate[AnyReader, Asked], Answer],
) -> Callable[Concatenate[AnyReader, Asked], Answer]:
    """Answer anew, without it, whenever a part of a segment turns out to be damaged."""

    @wraps(answer)
    def answer_despite_damage(
        reader: AnyReader, /, *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Answer:
        met: set[tuple[int, str, int]] = set()
        while True:
            try:
                return answer(reader, *args, **kwargs)
            except PartDamagedError as found:
                part = (found.vm_id, found.part, found.segment_id)
                if part in met:  # it was to be left out
                    raise
                met.add(part)
                reader.set_aside(found)  # as another thread may have done just now

    return answer_despite_damage


class EventReader(Catalogue):
    """Answers come from one snapshot each, or from one for each chunk."""

    def __init__(self, engine: Engine, cache_bytes: int) -> None:
        super().__init__(engine)
        self.cache = ByteCache(cache_bytes)
        """For all that is kept of what was read, by whoever it is made."""
        self._segments = Segments(self.cache, self._checks)
        self._pyramids = Pyramids(self._segments, self.cache)

    def set_aside(self, found: PartDamagedError) -> None:
        """Go on without a part of a segment."""
        self._segments.set_aside(found)

    def damage_met(self, vm_id: int) -> Damage:
        """Grows as more is read."""
        return self._segments.damage(vm_id)

    @despite_damage
    def losses_by_damage(self, vm_id: int) -> list[Loss]:
        """Stretches of a VM that damage took, as far as it was met."""
        if not self._segments.has_losses(vm_id):
            return []
        with snapshot(self._engine) as connection:
            infos = self._segments.of_vm(connection, vm_id)
        return [
            Loss(info.first_t, info.last_t, info.event_count, None, DAMAGE)
            for info in infos
            if info.is_lost
        ]

    def expired(self, vm_id: int) -> list[Expired]:
        """Stretches of a VM of which no events are kept any more, in order."""
        with snapshot(self._engine) as connection:
            return self._expired(connection, vm_id)

    def _expired(self, connection: Connection, vm_id: int) -> list[Expired]:
        pyramid = self._pyramids.of_vm(connection, vm_id)
        found = []
        for place, info in enumerate(pyramid.infos):
            if info.is_expired:
                own = pyramid.own(place)
                cell_ns = None if own is None else 1 << own.quantum_shift
                found.append(Expired(info.first_t, info.last_t, info.event_count, cell_ns))
        return found

    def kept_since(self, vm_id: int, t: int) -> int:
        """From when on until t all events are kept, as far as the recording has any."""
        begins = [one.to_t + 1 for one in self.expired(vm_id) if one.to_t < t]
        return max([self.span(vm_id)[0], *begins])

    def require_kept(self, vm_id: int, t_from: int, t_to: int) -> None:
        """Raises NotKept if some events of [t_from, t_to) are no longer kept."""
        gone = [one for one in self.expired(vm_id) if one.from_t < t_to and one.to_t >= t_from]
        if gone:
            raise NotKept(
                f"{sum(one.count for one in gone):,} events of this interval are no longer kept: "
                f"what there was can be counted after t+{gone[-1].to_t / 1e9:.9f} s"
            )

    def losses(
        self, recording_id: int, t_from: int | None = None, t_to: int | None = None
    ) -> list[Loss]:
        """Losses that meet [t_from, t_to), by start: those recorded and those by damage."""
        losses = super().losses(recording_id, t_from, t_to)
        window = Window.of(t_from, t_to, None, None)
        losses += [
            loss
            for vm in self.vms(recording_id, include_unattributed=True)
            for loss in self.losses_by_damage(vm.id)
            if loss.from_t < window.t_to and loss.to_t >= window.t_from
        ]
        return sorted(losses, key=lambda loss: loss.from_t)

    @despite_damage
    def most_events(self, vm_id: int, t_from: int, t_to: int) -> int:
        """No fewer than there are in [t_from, t_to): all of the segments that meet it."""
        window = Window(t_from, t_to)
        with snapshot(self._engine) as connection:
            infos = self._segments.of_vm(connection, vm_id)
        return sum(info.event_count for info in infos if info.meets(window))

    def events(
        self,
        vm_id: int,
        query: EventQuery = ALL_EVENTS,
        *,
        after_seq: int = -1,
        before_seq: int | None = None,
        limit: int = 1000,
    ) -> tuple[EventArray, Seqs]:
        """At most `limit` events after `after_seq` in order of effect, and their numbers; with
        `before_seq`, the last ones before it, newest first.

        A full page may be followed by another: ask again after its last number.
        """
        pages = self.iter_events(vm_id, query, after_seq=after_seq, before_seq=before_seq)
        events: list[EventArray] = []
        seqs: list[Seqs] = []
        missing = limit
        for some_events, some_seqs in pages:
            events.append(some_events[:missing])
            seqs.append(some_seqs[:missing])
            missing -= len(seqs[-1])
            if not missing:
                break
        if not events:
            return np.empty(0, dtype=EVENT), np.empty(0, dtype=np.int64)
        return np.concatenate(events), np.concatenate(seqs)

    def iter_events(
        self,
        vm_id: int,
        query: EventQuery = ALL_EVENTS,
        *,
        after_seq: int = -1,
        before_seq: int | None = None,
    ) -> Iterator[tuple[EventArray, Seqs]]:
        """All events in order, in chunks of at most a segment; with `before_seq`, those before it,
        newest first.

        Each chunk comes from its own snapshot, so that a slow consumer holds up nobody.
        """
        while True:
            found = self._next_events(vm_id, query, after_seq, before_seq)
            if found is None:
                return
            source, events, seqs = found
            if before_seq is None:
                yield events, seqs
                after_seq = source.end_seq - 1
            else:
                yield events[::-1], seqs[::-1]
                before_seq = source.first_seq

    @despite_damage
    def _next_events(
        self,
        vm_id: int,
        query: EventQuery,
        after_seq: int,
        before_seq: int | None,
    ) -> tuple[Source, EventArray, Seqs] | None:
        with snapshot(self._engine) as connection:
            rest = self._chosen(connection, vm_id, query, after_seq, before_seq)
            found = next(rest, None)
            if found is None:
                return None
            source, chosen = found
            return source, source.events_at(chosen), source.seqs(chosen)

    def iter_instants(
        self, vm_id: int, query: EventQuery = ALL_EVENTS, *, after_seq: int = -1
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], Seqs]]:
        """As `iter_events`, of each event its effect time, kind and number alone: several times
        faster. The query may ask for kinds, outcomes, directions and gfns."""
        while True:
            found = self._next_instants(vm_id, query, after_seq)
            if found is None:
                return
            after_seq, instants = found
            yield instants

    @despite_damage
    def _next_instants(
        self, vm_id: int, query: EventQuery, after_seq: int
    ) -> tuple[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], Seqs]] | None:
        """With the number of the last event of the segment that they are in."""
        with snapshot(self._engine) as connection:
            for info in self._segments.of_vm(connection, vm_id):
                last_seq = info.first_seq + info.event_count - 1
                if last_seq <= after_seq or not info.meets(query.window):
                    continue
                columns = self._segments.columns(connection, info)
                at = columns.narrowed(columns.indices_in(query.window), query.where)
                at = at[np.searchsorted(at, after_seq + 1 - info.first_seq) :]
                if len(at):
                    instants, kinds = columns.ranges.effect_t[at], columns.classes.kind[at]
                    return last_seq, (instants, kinds, at + info.first_seq)
        return None

    def iter_counted(self, vm_id: int, *, t_to: int) -> Iterator[EventArray]:
        """All events before t_to in order, in chunks of at most a segment, with what counting them
        needs (`SegmentColumns.counted_in`): much faster than all of them that `iter_events` reads.
        """
        window, done = Window(t_to=t_to), 0
        while True:
            found = self._next_columns(vm_id, window, done)
            if found is None:
                return
            info, columns = found
            events = columns.counted_in(window)[max(0, done - info.first_seq) :]
            if len(events):
                yield events
            done = info.first_seq + info.event_count

    @despite_damage
    def _next_columns(
        self, vm_id: int, window: Window, after_event: int
    ) -> tuple[SegmentInfo, SegmentColumns] | None:
        """The first segment that meets a window and reaches beyond so many events."""
        with snapshot(self._engine) as connection:
            for info in self._segments.of_vm(connection, vm_id):
                if info.first_seq + info.event_count > after_event and info.meets(window):
                    return info, self._segments.columns(connection, info)
        return None

    def iter_changes(
        self,
        vm_id: int,
        window: Window = WHOLE,
    ) -> Iterator[ChangeArray]:
        """All changes of a window in order, in chunks of at most a segment, or of what is read for
        narrow gfns of many."""
        done = 0
        while True:
            found = self._next_changes(vm_id, window, done)
            if found is None:
                return
            changes, done = found
            if len(changes):
                yield changes

    @despite_damage
    def _next_changes(
        self, vm_id: int, window: Window, done: int
    ) -> tuple[ChangeArray, int] | None:
        """Those of the first source that reaches beyond so many changes, and up to which."""
        with snapshot(self._engine) as connection:
            for _, _, source in self._pyramids.sources(connection, vm_id, window):
                if source is not None and source.end_change > done:
                    return source.changes_in(window, done), source.end_change
        return None

    def _chosen(
        self,
        connection: Connection,
        vm_id: int,
        query: EventQuery,
        after_seq: int = -1,
        before_seq: int | None = None,
    ) -> Iterator[tuple[Source, Seqs]]:
        """What is read, with which of its events are meant; what has none is left out. The last one
        first if `before_seq` is given."""
        window = query.window
        found = [one.source for one in self._pyramids.sources(connection, vm_id, window)]
        first_seq = max(after_seq + 1, 0)
        end_seq = LIMIT if before_seq is None else min(before_seq, LIMIT)
        for source in found if before_seq is None else reversed(found):
            if source is None or source.end_seq <= first_seq or source.first_seq >= end_seq:
                continue
            if not source.may_hold(query.where):
                continue
            chosen = source.choose(window, query.where)
            first, end = np.searchsorted(source.seqs(chosen), [first_seq, end_seq])
            chosen = chosen[first:end]
            if len(chosen):
                yield source, chosen
