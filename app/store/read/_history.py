"""One VM's stored history in one snapshot: its segments, and what stands for many of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from app.model.events import Window
from app.model.pagemap import KeyframeTotals, PageMap
from app.model.raster import ChurnSums, RasterSums, Summary, TimelineSummary
from app.store.segments import (
    CoarseInfo,
    Pyramids,
    SegmentInfo,
    Segments,
    SegmentSource,
    SomeSegments,
    Source,
)

Sums = type[RasterSums | ChurnSums]


IsUsable = Callable[[CoarseInfo], bool]


class Start(NamedTuple):
    """A page map, only to be read, and the first segment whose changes it does not include."""

    page_map: PageMap
    place: int


class Stored:
    """What is stored of a VM, as one connection reads it."""

    def __init__(
        self, connection: Connection, segments: Segments, pyramids: Pyramids, vm_id: int
    ) -> None:
        """Raises NotFound."""
        self.pyramid = pyramids.of_vm(connection, vm_id)
        self._connection = connection
        self._segments = segments
        self._pyramids = pyramids
        self._vm_id = vm_id

    def start(self, t: int, is_usable: IsUsable | None = None) -> Start:
        """The latest kept map of before t, or the one before a usable coarse summary that begins
        earlier and goes on beyond it."""
        place = self._place_before(t, is_usable)
        return Start(self._map_before(place), place)

    def start_totals(self, t: int, is_usable: IsUsable) -> tuple[KeyframeTotals, int]:
        """What the map of `start` adds up to, and the place."""
        place = self._place_before(t, is_usable)
        if not place:
            page_map = self._map_before(place)
            return KeyframeTotals(page_map.totals(), page_map.mixed_blocks), place
        info = self.pyramid.infos[place - 1]
        return self._segments.keyframe_totals(self._connection, info), place

    def _place_before(self, t: int, is_usable: IsUsable | None) -> int:
        place = included(self.pyramid.infos, t - 1)
        if is_usable is not None:
            for first, one in self.pyramid.beginning_around(place):
                if is_usable(one) and (not first or self.pyramid.infos[first - 1].has_keyframe):
                    return first
        return place

    def _map_before(self, place: int) -> PageMap:
        if not place:
            return PageMap(self._segments.vm(self._connection, self._vm_id).start_state)
        info = self.pyramid.infos[place - 1]
        return self._segments.shared_keyframe(self._connection, self._vm_id, info)

    def source(self, info: SegmentInfo) -> Source:
        return SegmentSource(self._segments, self._connection, info)

    def sources(self, window: Window, place: int) -> Iterator[SomeSegments]:
        return self._pyramids.sources(self._connection, self._vm_id, window, place)

    def cells(self, info: SegmentInfo, sums: Sums) -> Summary:
        return self._segments.cells(self._connection, info, sums)

    def timeline(self, info: SegmentInfo, one: CoarseInfo | None) -> TimelineSummary:
        if one is None:
            return self._segments.timeline(self._connection, info)
        return self._pyramids.timeline(self._connection, one)

    def tiles(self, one: CoarseInfo, block_shift: int, window: Window, sums: Sums) -> list[Summary]:
        area = block_shift, window.gfn_from, window.gfn_to
        return self._pyramids.cells(self._connection, one, area, sums)


def included(infos: Sequence[SegmentInfo], t: int) -> int:
    """How many segments the latest stored map not after t includes; 0 if there is no such map."""
    for i in range(len(infos), 0, -1):
        if infos[i - 1].has_keyframe and infos[i - 1].last_t <= t:
            return i
    return 0
