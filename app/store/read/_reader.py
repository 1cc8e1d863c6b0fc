"""Everything that can be asked of a database, beside any writer, from any thread."""

from functools import partial

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine

from app.model.events import CHANGE, Window
from app.model.pagemap import PageMap
from app.model.raster import (
    PRIVATE,
    Churn,
    ChurnSums,
    Grid,
    Raster,
    RasterSums,
    Timeline,
    TimelineSums,
    add_timeline_summary,
)
from app.model.stats import ANY, EventFilter, EventQuery
from app.store.database import snapshot
from app.store.errors import StoreError
from app.store.read._event_reader import EventReader, despite_damage
from app.store.read._grid_snapping import fit_edges, fit_grid, lowest_row
from app.store.read._history import Stored, included
from app.store.read._raster import Drawing, is_on_timeline
from app.store.schema import WITH_CHURN, Vm
from app.store.segments import state_of

CACHE_BYTES = 384 << 20
"""Decoded columns of about 9 million events, by default."""


def has_churn(vm: Vm) -> bool:
    """Whether returns and mixed blocks of a VM were kept: earlier gmemscopes did not."""
    return vm.edition >= WITH_CHURN


class Reader(EventReader):
    """Answers come from one snapshot each: never half of a commit, nothing twice or missing.

    What is damaged is found when it is first read. From then on its stretch is a loss, in every
    answer (app.store.segments).

    Times are ns since the recording's start and mean effect times; windows are half-open; None
    stands for no bound. Every method raises StoreError if the database cannot be read.
    """

    def __init__(self, engine: Engine, cache_bytes: int = CACHE_BYTES) -> None:
        super().__init__(engine, cache_bytes)

    @despite_damage
    def page_map_at(self, vm_id: int, t: int, *, after: int | None = None) -> PageMap:
        """The state after all effects up to and including t. Shared among callers: only to be
        read.

        `after`: an earlier instant that is asked for as well. Its map is taken on where none is
        stored between the two, which is less work than to begin with a stored one again.
        """
        with snapshot(self._engine) as connection:
            return self._page_map(connection, vm_id, t, after)

    def _page_map(
        self, connection: Connection, vm_id: int, t: int, after: int | None = None
    ) -> PageMap:
        vm = self._segments.vm(connection, vm_id)
        return self.cache.get(
            ("map", vm_id, vm.revision, self._segments.damage(vm_id), min(t, vm.last_t + 1)),
            lambda: self._build_page_map(connection, vm_id, t, after),
            lambda page_map: page_map.nbytes,
            state_of(vm_id, vm.revision),
        )

    def _build_page_map(
        self, connection: Connection, vm_id: int, t: int, after: int | None
    ) -> PageMap:
        memslots = self._segments.memslots(connection, vm_id, t)
        infos = [one for one in self._segments.of_vm(connection, vm_id) if one.first_t <= t]
        done, window = included(infos, t), Window(t_to=t + 1)
        if after is not None and after < t and included(infos, after) == done:
            page_map = self._page_map(connection, vm_id, after).copied()
            window = window._replace(t_from=after + 1)
        elif done:
            page_map = self._segments.keyframe(connection, vm_id, infos[done - 1])
        else:
            page_map = PageMap(self._segments.vm(connection, vm_id).start_state)
        rest = [info for info in infos[done:] if info.last_t >= window.t_from]
        for info in rest:
            columns = self._segments.columns(connection, info)
            page_map.replay(columns.changes_in(window), memslots)
        if after is not None and not rest:
            page_map.replay(np.empty(0, CHANGE), memslots)
        return page_map

    @despite_damage
    def fit(self, vm_id: int, grid: Grid) -> Grid:
        """The grid nearest to the one wanted that `raster` draws fast, and exactly.

        It has the same rows and at most as many columns; edges move by less than a cell, and not at
        all in narrow windows (app.store.read). Show its edges, not those that were asked for.
        """
        with snapshot(self._engine) as connection:
            return fit_grid(grid, self._stored(connection, vm_id).pyramid)

    @despite_damage
    def lowest_row(self, vm_id: int, window: Window, columns: int, rows: int) -> int:
        """How many pages a row must have at least for `fit` to find edges that are drawn fast, in a
        picture of so many columns and rows; 1 where any is."""
        with snapshot(self._engine) as connection:
            return lowest_row(self._stored(connection, vm_id).pyramid, window, columns, rows)

    @despite_damage
    def fit_edges(self, vm_id: int, t_edges: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """As `fit`, for `timeline`."""
        with snapshot(self._engine) as connection:
            return fit_edges(t_edges, self._stored(connection, vm_id).pyramid)

    @despite_damage
    def raster(self, vm_id: int, grid: Grid) -> Raster:
        """Draw exactly the cells of a grid, from summaries as far as its edges allow (see `fit`),
        else from changes."""
        with snapshot(self._engine) as connection:
            drawing: Drawing[Raster] = Drawing(self._stored(connection, vm_id), grid, RasterSums)
            return drawing.draw()

    @despite_damage
    def churn(self, vm_id: int, grid: Grid) -> Churn:
        """As `raster`: what changed back and forth, and what was mixed. Raises StoreError if the VM
        was stored by a gmemscope that did not keep that (`has_churn`)."""
        if not has_churn(self.vm(vm_id)):
            raise StoreError(f"returns and mixed blocks of VM {vm_id} were not kept")
        with snapshot(self._engine) as connection:
            drawing: Drawing[Churn] = Drawing(self._stored(connection, vm_id), grid, ChurnSums)
            return drawing.draw()

    @despite_damage
    def timeline(
        self,
        vm_id: int,
        t_edges: npt.NDArray[np.int64],
        *,
        gfn_from: int | None = None,
        gfn_to: int | None = None,
        where: EventFilter = ANY,
    ) -> Timeline:
        """Count what happened between each two edges, and the state at the later one; from
        summaries as far as the edges allow (see `fit_edges`).

        Counts are of the events in a gfn window, chosen as `events` does, that a filter wants;
        states are of the whole VM.
        """
        window = Window(t_to=int(t_edges[-1]))
        chosen = EventQuery(int(t_edges[0]), window.t_to, gfn_from, gfn_to, where)
        sums = TimelineSums(t_edges)
        with snapshot(self._engine) as connection:
            stored, usable = self._stored(connection, vm_id), partial(is_on_timeline, t_edges)
            totals, place = stored.start_totals(int(t_edges[0]), usable)
            sums.add_start(*totals)
            for info, one in stored.pyramid.walk(place, usable):
                if info.first_t >= window.t_to:
                    break
                if one is not None or is_on_timeline(t_edges, info):
                    add_timeline_summary(sums, stored.timeline(info, one))
                else:
                    columns = self._segments.columns(connection, info)
                    sums.add_changes(columns.changes_in(window))
                    sums.add_events(self._segments.events(connection, info))
                    if info.is_expired:
                        sums.miss(info.first_t, info.last_t)
            if not (Window.of(None, None, gfn_from, gfn_to).is_all_gfns and where.is_any):
                sums.counts[:, :PRIVATE] = 0
                for gone in self._expired(connection, vm_id):
                    sums.miss(gone.from_t, gone.to_t)
                for source, events in self._chosen(connection, vm_id, chosen):
                    source.count(sums.counts, sums.t_edges, events)
        return sums.finish()

    def _stored(self, connection: Connection, vm_id: int) -> Stored:
        return Stored(connection, self._segments, self._pyramids, vm_id)
