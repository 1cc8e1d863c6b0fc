"""How finely a wide window can be drawn: by which level of the pyramid, within a bound of cells."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.model.events import Window
from app.store.segments import CoarseInfo, Pyramid, SegmentInfo

MOST_CELLS = 3 << 17
"""Are read for one picture: a fifth of a microsecond each."""
EVENTS_PER_CELL = 6
"""Of a segment, whose number of cells is not kept: as measured on a guest in pieces."""
FEWEST_ROWS = 32
"""A window with fewer rows of the lowest blocks is drawn from its changes."""
MOST_QUANTA = 1 << 13
"""Are read for one timeline: those of 128 summaries."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Quanta and blocks, on whose borders edges are to lie."""

    quantum_shift: int
    block_shift: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    resolution: Resolution
    cost: int
    score: int


def resolution_of(pyramid: Pyramid, window: Window, columns: int, rows: int) -> Resolution | None:
    """The one that shows most of a window on so many cells. None if only changes show its rows, or
    if no segment there has a summary."""
    least = 1 if expired_in(pyramid, window) else min(rows, FEWEST_ROWS)
    found = [
        _Candidate(resolution, cost, min(columns, across) * min(rows, up))
        for resolution, cost in _choices(pyramid, window)
        if (up := (window.gfn_to - window.gfn_from) >> resolution.block_shift) >= least
        and (across := (window.t_to - window.t_from) >> resolution.quantum_shift) > 0
    ]
    affordable = [one for one in found if one.cost <= MOST_CELLS]
    if affordable:
        return max(affordable, key=lambda one: (one.score, -one.cost)).resolution
    return min(found, key=lambda one: one.cost).resolution if found else None


def quantum_shift_of(pyramid: Pyramid, window: Window, columns: int) -> int | None:
    """The longest quantum that still gives so many columns, else the shortest that is read fast."""
    found = []
    for level in range(pyramid.levels):
        parts = list(_parts(pyramid, window, level))
        shift = _shift_of(parts, lambda one: one.timeline_shift)
        if shift is not None:
            quanta = max((window.t_to - window.t_from) >> shift, len(parts) * 64)
            found.append((min(columns, (window.t_to - window.t_from) >> shift), -quanta, shift))
    affordable = [one for one in found if -one[1] <= MOST_QUANTA]
    if affordable:
        return max(affordable)[2]
    return max(found, key=lambda one: one[1])[2] if found else None


def _choices(pyramid: Pyramid, window: Window) -> Iterator[tuple[Resolution, int]]:
    """Each level's, with how many cells are read then."""
    for level in range(pyramid.levels):
        parts = list(_parts(pyramid, window, level))
        quantum_shift = _shift_of(parts, lambda one: one.quantum_shift)
        if quantum_shift is None:
            continue
        of_coarse = {shift for _, one in parts if one for shift in one.tilings}
        of_segments = {info.block_shift for info, one in parts if one is None}
        for block_shift in of_coarse | {shift for shift in of_segments if shift is not None}:
            cost = sum(_cost(info, one, block_shift, window) for info, one in parts)
            yield Resolution(quantum_shift, block_shift), cost


Part = tuple[SegmentInfo, CoarseInfo | None]


def expired_in(pyramid: Pyramid, window: Window) -> bool:
    """Whether a window's time meets a segment of which cells alone are known."""
    return any(
        pyramid.own(place) is not None
        for place, info in enumerate(pyramid.infos)
        if info.is_expired and info.first_t < window.t_to and info.last_t >= window.t_from
    )


def _parts(pyramid: Pyramid, window: Window, level: int) -> Iterator[Part]:
    """What expired has no finer cells than its own, whatever the level."""
    first = pyramid.place_of(window.t_from)
    for info, one in pyramid.walk(first, lambda one: one.level <= level or one.segments == 1):
        if info.first_t >= window.t_to:
            return
        yield info, one


def _shift_of(
    parts: Sequence[Part], shift_of: Callable[[SegmentInfo | CoarseInfo], int | None]
) -> int | None:
    """As most have, and no less than those have of which nothing finer is kept."""
    shift = _shift_of_most(parts, shift_of)
    least = [shift_of(one) or 0 for info, one in parts if one is not None and info.is_expired]
    return None if shift is None else max([shift, *least])


def _shift_of_most(
    parts: Sequence[Part], shift_of: Callable[[SegmentInfo | CoarseInfo], int | None]
) -> int | None:
    """A quantum shift that is the longest of half the segments: the others are drawn by what they
    are made of, down to changes. Where times are quiet they are few, as a quantum is a share of its
    segments' time."""
    shifts: list[int] = []
    for info, one in parts:
        shift = shift_of(info if one is None else one)
        if shift is not None:
            shifts += [shift] * (1 if one is None else one.segments)
    return sorted(shifts)[len(shifts) // 2] if shifts else None


def _cost(info: SegmentInfo, one: CoarseInfo | None, block_shift: int, window: Window) -> int:
    if one is None:
        return info.event_count // EVENTS_PER_CELL
    usable = [shift for shift in one.tilings if shift <= block_shift]
    if not usable:
        return one.segments * info.event_count // EVENTS_PER_CELL
    tiles = one.tiles(max(usable), window.gfn_from, window.gfn_to)
    return sum(tile.cells for tile in tiles)
