"""Which group of segments goes next: by age, or because there is too much."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from app.store.retention import Group, Space

DAY_NS = 86_400 * 10**9
MARGIN_NS = 600 * 10**9
"""What is this near to a storm is kept with it."""
HEADROOM = 16
"""One part in so many of the largest size stays free, for what is written between two looks."""
LONGEST_GROUP = 8
"""A group lasts at most one part in so many of the time for which detail is kept."""
_FINEST = 2
_COARSER = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """How long what is kept. None: for ever, or as much as there is."""

    detail_ns: int | None = None
    storms_ns: int | None = None  # detail around storms
    nbytes: int | None = None  # of the database's file

    @property
    def group_ns(self) -> int:
        """How long a group may last."""
        return min(DAY_NS, (self.detail_ns or DAY_NS * LONGEST_GROUP) // LONGEST_GROUP)

    def are_reached_by(self, space: Space) -> bool:
        most = self.nbytes
        return most is not None and space.used_bytes > most - most // HEADROOM


class Going(Enum):
    """What goes of a group."""

    DETAIL = "detail"
    FINER_CELLS = "finer cells"
    ALL_CELLS = "all cells"


@dataclass(frozen=True, slots=True)
class Choice:
    """What goes next."""

    group: Group
    going: Going


IsPinned = Callable[[Group], bool]
"""Whether a storm that is still to be kept lies in or near it."""


def by_age(
    groups: Sequence[Group], now_ns: int, limits: Limits, is_pinned: IsPinned
) -> Choice | None:
    """What has been kept long enough, if there is anything: oldest first."""
    if limits.detail_ns is None:
        return None
    for group in groups:
        age_ns = now_ns - group.ended_ns
        if group.has_detail and _is_whole(group):
            if age_ns > limits.detail_ns and not is_pinned(group):
                return Choice(group, Going.DETAIL)
            continue
        is_old = age_ns > limits.detail_ns * _COARSER ** (group.level - _FINEST)
        if is_old and group.segments > 1 and not group.has_detail:
            return Choice(group, Going.FINER_CELLS)
    return None


def by_size(groups: Sequence[Group], limits: Limits, is_pinned: IsPinned) -> Choice | None:
    """What goes because there is too much: old detail, then cells that can be coarser, then detail
    around storms, then cells; the other way round for what takes more than its share."""
    detailed = [one for one in groups if one.has_detail and _is_whole(one)]
    pinned = [one for one in detailed if is_pinned(one)]
    free = [one for one in detailed if one not in pinned]
    finer = [one for one in groups if one.segments > 1 and not one.has_detail]
    expired = [one for one in groups if one.segments == 1 and not one.has_detail and one.coarse_id]
    order: list[tuple[Sequence[Group], Going]] = [
        (free, Going.DETAIL),
        (finer, Going.FINER_CELLS),
        (pinned, Going.DETAIL),
        (expired, Going.ALL_CELLS),
    ]
    if _nbytes(pinned) > (limits.nbytes or 0) // 4:
        order.insert(0, (pinned, Going.DETAIL))
    if _nbytes(detailed) < (limits.nbytes or 0) // 8:
        order[:0] = [(finer, Going.FINER_CELLS), (expired, Going.ALL_CELLS)]
    return next((Choice(some[0], going) for some, going in order if some), None)


def _is_whole(group: Group) -> bool:
    """Of segments, not of groups: each of which goes by itself."""
    return group.level <= _FINEST


def _nbytes(groups: Sequence[Group]) -> int:
    return sum(group.nbytes for group in groups)
