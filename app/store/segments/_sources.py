"""Where events and changes are read from: a segment, or what lies near some gfns in many."""

from typing import Protocol

from sqlalchemy import Connection

from app.model.events import ChangeArray, EventArray, Window
from app.model.raster import Counts
from app.model.stats import EventFilter
from app.store.codecs import Signed
from app.store.segments._infos import SegmentInfo
from app.store.segments._segments import Segments


class Source(Protocol):
    """A stretch of a VM's history in order of effect. Which of its events are chosen is a matter of
    its own numbers; they ascend with those of the VM."""

    @property
    def first_seq(self) -> int: ...
    @property
    def end_seq(self) -> int: ...
    @property
    def end_change(self) -> int: ...

    def may_hold(self, where: EventFilter) -> bool:
        """False if certainly no event of it is wanted."""

    def changes_in(self, window: Window, first_change: int = 0) -> ChangeArray:
        """Those that meet a window, from that one of the VM on."""

    def choose(self, window: Window, where: EventFilter) -> Signed:
        """Events that lie in a window and are wanted."""

    def seqs(self, chosen: Signed) -> Signed:
        """Their numbers in the VM."""

    def events_at(self, chosen: Signed) -> EventArray:
        """All columns of theirs."""

    def counted_in(self, window: Window) -> EventArray:
        """`SegmentColumns.counted_in`."""

    def count(self, counts: Counts, t_edges: Signed, chosen: Signed) -> None:
        """`SegmentColumns.count`."""


class SegmentSource:
    """All of a segment."""

    def __init__(self, segments: Segments, connection: Connection, info: SegmentInfo) -> None:
        self.info = info
        self._segments = segments
        self._connection = connection

    @property
    def first_seq(self) -> int:
        return self.info.first_seq

    @property
    def end_seq(self) -> int:
        return self.info.first_seq + self.info.event_count

    @property
    def end_change(self) -> int:
        return self.info.first_change + self.info.change_count

    def may_hold(self, where: EventFilter) -> bool:
        return self.info.may_hold(where)

    def changes_in(self, window: Window, first_change: int = 0) -> ChangeArray:
        columns = self._segments.columns(self._connection, self.info)
        return columns.changes_in(window, first=first_change - self.info.first_change)

    def choose(self, window: Window, where: EventFilter) -> Signed:
        return self._segments.choose(self._connection, self.info, window, where)

    def seqs(self, chosen: Signed) -> Signed:
        return chosen + self.info.first_seq

    def events_at(self, chosen: Signed) -> EventArray:
        return self._segments.events_at(self._connection, self.info, chosen)

    def counted_in(self, window: Window) -> EventArray:
        return self._segments.columns(self._connection, self.info).counted_in(window)

    def count(self, counts: Counts, t_edges: Signed, chosen: Signed) -> None:
        self._segments.columns(self._connection, self.info).count(counts, t_edges, chosen)
