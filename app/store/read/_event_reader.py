"""What happened to a VM, event by event and change by change, and what damage took of it."""

from collections.abc import Callable, Iterator
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
from app.store.protocol import Loss
from app.store.segments import (
    ByteCache,
    Damage,
    Pyramids,
    SegmentColumns,
    SegmentInfo,
    Segments,
)

DAMAGE = "damaged database"
"""The source of losses that are none of the recording's."""

Seqs = npt.NDArray[np.int64]
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
AnyReader = TypeVar("AnyReader", bound="EventReader")


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
            info, events, seqs = found
            if before_seq is None:
                yield events, seqs
                after_seq = info.first_seq + info.event_count - 1
            else:
                yield events[::-1], seqs[::-1]
                before_seq = info.first_seq

    @despite_damage
    def _next_events(
        self,
        vm_id: int,
        query: EventQuery,
        after_seq: int,
        before_seq: int | None,
    ) -> tuple[SegmentInfo, EventArray, Seqs] | None:
        with snapshot(self._engine) as connection:
            rest = self._chosen(connection, vm_id, query, after_seq, before_seq)
            found = next(rest, None)
            if found is None:
                return None
            info, chosen = found
            return info, self._segments.events_at(connection, info, chosen), chosen + info.first_seq

    def iter_counted(self, vm_id: int, *, t_to: int) -> Iterator[EventArray]:
        """All events before t_to in order, in chunks of at most a segment, with what counting them
        needs (`SegmentColumns.counted_in`): much faster than all of them that `iter_events` reads.
        """
        window, done = Window(t_to=t_to), 0
        while True:
            found = self._next_columns(vm_id, window, after_event=done)
            if found is None:
                return
            info, columns = found
            events = columns.counted_in(window)[max(0, done - info.first_seq) :]
            if len(events):
                yield events
            done = info.first_seq + info.event_count

    def iter_changes(
        self,
        vm_id: int,
        window: Window = WHOLE,
    ) -> Iterator[ChangeArray]:
        """All changes of a window in order, in chunks of at most a segment."""
        done = 0
        while True:
            found = self._next_columns(vm_id, window, after_change=done)
            if found is None:
                return
            info, columns = found
            changes = columns.changes_in(window, first=done - info.first_change)
            if len(changes):
                yield changes
            done = info.first_change + info.change_count

    @despite_damage
    def _next_columns(
        self, vm_id: int, window: Window, after_event: int = -1, after_change: int = -1
    ) -> tuple[SegmentInfo, SegmentColumns] | None:
        """The first segment that meets a window and reaches beyond so many events or changes."""
        with snapshot(self._engine) as connection:
            left = (
                one
                for one in self._segments.of_vm(connection, vm_id)
                if one.first_seq + one.event_count > after_event
                and one.first_change + one.change_count > after_change
            )
            info = next((one for one in left if one.meets(window)), None)
            return None if info is None else (info, self._segments.columns(connection, info))

    def _chosen(
        self,
        connection: Connection,
        vm_id: int,
        query: EventQuery,
        after_seq: int = -1,
        before_seq: int | None = None,
    ) -> Iterator[tuple[SegmentInfo, Seqs]]:
        """Segments with which of their events are meant, those with none left out; the last one
        first if `before_seq` is given."""
        window = query.window
        infos = self._segments.of_vm(connection, vm_id)
        first_seq = max(after_seq + 1, 0)
        end_seq = LIMIT if before_seq is None else min(before_seq, LIMIT)
        for info in infos if before_seq is None else reversed(infos):
            is_left = info.first_seq + info.event_count > first_seq and info.first_seq < end_seq
            if not (is_left and info.meets(window) and info.may_hold(query.where)):
                continue
            chosen = self._segments.choose(connection, info, window, query.where)
            first, end = np.searchsorted(chosen + info.first_seq, [first_seq, end_seq])
            chosen = chosen[first:end]
            if len(chosen):
                yield info, chosen
