"""What a VM's history is without a segment that is damaged, or whose events are no longer kept.

Its stretch is a loss: every page that it may have changed is unknown from its start on. Later
events make pages known again, one by one, and the next map that was kept makes known all that it
knew. Up to there changes are not those that were stored, which follow from states that nobody knows
now: a story of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from sqlalchemy import Connection

from app.model.events import CHANGE, EVENT, LIMIT, ChangeArray, EventArray, Window, effect_time
from app.model.guest import (
    UNKNOWN_LATENCY,
    UNKNOWN_VCPU,
    Certainty,
    EventKind,
    Memslot,
    PageState,
    To,
)
from app.model.pagemap import PageMap
from app.model.stats import FlipHistory
from app.store.checksums import SEGMENT
from app.store.codecs import encode_changes, encode_events
from app.store.segments._blobs import decoding
from app.store.segments._columns import SegmentColumns
from app.store.segments._infos import SegmentInfo


class StoredVm(Protocol):
    @property
    def start_state(self) -> PageState: ...


class StoredSegments(Protocol):
    """As much of `app.store.segments.Segments` as mending needs."""

    def vm(self, connection: Connection, vm_id: int) -> StoredVm: ...

    def of_vm(self, connection: Connection, vm_id: int) -> tuple[SegmentInfo, ...]: ...

    def columns(self, connection: Connection, info: SegmentInfo) -> SegmentColumns: ...

    def stored_events(self, connection: Connection, info: SegmentInfo) -> EventArray: ...

    def keyframe(self, connection: Connection, vm_id: int, info: SegmentInfo) -> PageMap: ...

    def memslots(
        self, connection: Connection, vm_id: int, at: int | None = None
    ) -> list[Memslot]: ...


def story_of(infos: Sequence[SegmentInfo], segment_id: int) -> range:
    """The places of the segments that are mended together with one of them."""
    first = last = next(i for i, info in enumerate(infos) if info.id == segment_id)
    while first and infos[first - 1].damage and not infos[first - 1].has_keyframe:
        first -= 1
    while last + 1 < len(infos) and infos[last + 1].damage and not infos[last].has_keyframe:
        last += 1
    return range(first, last + 1)


def mend(
    segments: StoredSegments, connection: Connection, vm_id: int, places: range
) -> dict[int, tuple[bytes, bytes]]:
    """Blobs of events and changes of the segments of a story, by id.

    Raises PartDamagedError if more damage comes to light.
    """
    infos = segments.of_vm(connection, vm_id)
    before = infos[: places.start]
    mended: dict[int, tuple[bytes, bytes]] = {}
    story = _Story(
        _map_before(segments, connection, vm_id, before),
        segments.memslots(connection, vm_id),
        before[-1].last_t if before else -LIMIT,
    )
    for info in infos[places.start : places.stop]:
        with decoding(info, SEGMENT):  # the times of segments need not fit together
            events, changes = _made_anew(segments, connection, info, story)
            if info.has_keyframe:
                known = segments.keyframe(connection, vm_id, info)
                changes = np.concatenate([changes, story.learn(known, info.last_t)])
        mended[info.id] = (
            encode_events(events, info.first_t),
            encode_changes(changes, events, info.first_seq, info.first_t),
        )
    return mended


def _made_anew(
    segments: StoredSegments, connection: Connection, info: SegmentInfo, story: "_Story"
) -> tuple[EventArray, ChangeArray]:
    if info.is_lost:
        events = _loss(info)
        return events[: info.event_count], story.lose(info, events)
    if info.is_expired:
        changes = story.lose(info, _loss(info))
        return _expired(info)[: info.event_count], _without_events(changes)
    events = segments.stored_events(connection, info)
    return events, story.changes_of(info, events)


def _map_before(
    segments: StoredSegments, connection: Connection, vm_id: int, infos: tuple[SegmentInfo, ...]
) -> PageMap:
    """The page map after some first segments of a VM, the caller's own."""
    kept = max((i for i, info in enumerate(infos) if info.has_keyframe), default=-1)
    if kept < 0:
        page_map = PageMap(segments.vm(connection, vm_id).start_state)
    else:
        page_map = segments.keyframe(connection, vm_id, infos[kept])
    for info in infos[kept + 1 :]:
        columns = segments.columns(connection, info)
        alive = segments.memslots(connection, vm_id, info.last_t)
        page_map.replay(columns.changes_in(Window()), alive)
    return page_map


def _loss(info: SegmentInfo) -> EventArray:
    """Two events that stand for those of a segment."""
    events = np.zeros(2, EVENT)
    events["kind"] = EventKind.LOSS_BEGIN, EventKind.LOSS_END
    events["t"] = info.first_t, info.last_t
    events["aux"][0] = info.event_count
    events["latency_ns"], events["vcpu"], events["to"] = UNKNOWN_LATENCY, UNKNOWN_VCPU, To.UNKNOWN
    return events


def _expired(info: SegmentInfo) -> EventArray:
    """What stands for all events of a segment that are no longer kept."""
    events = _loss(info)[:1]
    events["kind"] = EventKind.EXPIRED
    return events


def _without_events(changes: ChangeArray) -> ChangeArray:
    changes["event"] = -1
    return changes


@dataclass(slots=True)
class _Story:
    """A page map on its way through segments, with the memslots that come and go."""

    page_map: PageMap
    memslots: list[Memslot]
    reached: int
    flips: FlipHistory = field(default_factory=FlipHistory)

    def lose(self, info: SegmentInfo, events: EventArray) -> ChangeArray:
        """Nothing of a segment is known but its memslots. Returns its changes."""
        begin, end = events[:1].copy(), events[1:].copy()
        changes = [
            self.page_map.apply(begin, info.first_seq),
            *self._relayout(info.last_t),
            self.page_map.apply(end, info.first_seq + 1),
        ]
        together = np.concatenate(changes)
        if info.event_count < len(events):  # no number is left for these events
            together["event"][together["event"] >= info.first_seq + info.event_count] = -1
        return together

    def changes_of(self, info: SegmentInfo, events: EventArray) -> ChangeArray:
        """Take the map through the events of a segment. Returns its changes."""
        painted, at = events.copy(), 0
        times = effect_time(painted)
        changes = [np.empty(0, CHANGE)]
        for t in sorted(self._times(info.last_t)):
            until = int(np.searchsorted(times, t))
            changes.append(self._apply(painted[at:until], info.first_seq + at))
            changes += self._relayout(t)
            at = until
        changes += [self._apply(painted[at:], info.first_seq + at), *self._relayout(info.last_t)]
        return np.concatenate(changes)

    def learn(self, known: PageMap, t: int) -> ChangeArray:
        """Know what another map knows from t on."""
        runs = np.concatenate([known.runs(within_memslots=False), known.runs()])
        read = np.zeros(len(runs), EVENT)
        read["kind"], read["range_certainty"] = EventKind.STATE_READ, Certainty.SEEN
        read["t"], read["gfn"], read["npages"] = t, runs["gfn"], runs["npages"]
        read["to"] = runs["state"]
        return self.page_map.apply(read, 0)

    def _apply(self, events: EventArray, first_seq: int) -> ChangeArray:
        changes = self.page_map.apply(events, first_seq)
        return self.flips.mark(changes) if len(changes) else changes

    def _times(self, until: int) -> set[int]:
        ends = {one.to_t for one in self.memslots if one.to_t is not None}
        return {
            t for t in ends | {one.from_t for one in self.memslots} if self.reached < t <= until
        }

    def _relayout(self, until: int) -> Iterator[ChangeArray]:
        """Memslots that come and go up to a time. Those that go at one time do so first."""
        for t in sorted(self._times(until)):
            at = max(t, self.page_map.last_t)
            for one in self.memslots:
                if one.to_t == t:
                    yield self.page_map.delete_memslot(one.as_id, one.slot, at)
            for one in self.memslots:
                if one.from_t == t and one.to_t != t:
                    yield self.page_map.set_memslot(replace(one, from_t=at, to_t=None))
        self.reached = max(self.reached, until)
