"""How a statistic of an interval of time is declared, and how those declared are counted.

A statistic is a field of a part of the answer (`IntervalView` and what it holds), whose annotation
holds a `Statistic`. The field's name is its name in REST, in a report and in `at_least`; its words
are those of its card on the page, and of its line in a terminal.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, get_type_hints

from app.model.guest import EventKind
from app.model.pagemap import PageMap
from app.model.stats import NO_SLOT, Dimension, IntervalCounts
from app.queries.figures import Bounds, bounded

Part = TypeVar("Part")
Unit = Literal["count", "pages", "duration", "share"]
"""How a number is written."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of an interval, and what was known of the VM."""

    found: IntervalCounts
    from_t: int
    to_t: int
    before: PageMap
    after: PageMap
    layout_is_known: bool
    holes_are_missing: bool  # that holes are punched is not recorded

    def per_second(self, number: int) -> float:
        return per_second(number, self.from_t, self.to_t)

    @property
    def leaves_open(self) -> bool:
        """Whether it is open which pages changed, by its own conversions or those of another VM."""
        return bool(self.found.breakdowns.total.uncertain or self.found.others.get(EventKind.DOUBT))

    @property
    def was_open(self) -> bool:
        """Before it, a block of which some pages are unknown may be mixed or not."""
        return not self.layout_is_known or self.before.totals().unknown > 0

    @property
    def is_open(self) -> bool:
        """Nor afterwards."""
        return not self.layout_is_known or self.after.totals().unknown > 0

    @property
    def blocks_are_open(self) -> bool:
        return self.was_open or self.is_open or self.leaves_open

    @property
    def has_untimed(self) -> bool:
        """The end of some calls was not seen."""
        times = self.found.latencies
        return times is not None and times.calls < self.found.breakdowns.calls


@dataclass(frozen=True, slots=True)
class Statistic:
    """What is counted, and when that is only a part of what there was."""

    of: Callable[[Any], Any]
    """Of what the part counts: `Counted`, or a `CallSums`. None where nothing is known of it."""
    is_open: Callable[[Any], bool] = lambda _: False
    """Whether it is a lower bound, and excludes nothing where it is 0."""
    words: str | None = None
    """None: it is shown beside others only, in the sentences that name it."""
    unit: Unit = "count"
    has_line: bool = True
    """In a terminal; not if it is in a sentence there, or nobody misses it."""


@cache
def statistics_of(part: Hashable) -> dict[str, Statistic]:
    """Those that a part declares, by name."""
    hints = get_type_hints(part, include_extras=True)
    found = ((name, one) for name, h in hints.items() for one in getattr(h, "__metadata__", ()))
    return {name: one for name, one in found if isinstance(one, Statistic)}


def count(part: Callable[..., Part], counted: object, **others: object) -> Part:
    """A part with its statistics, and what it holds besides."""
    declared = statistics_of(part)
    sums = {name: one.of(counted) for name, one in declared.items()}
    values, least = bounded(sums, [name for name in sums if declared[name].is_open(counted)])
    return part(**values, **others, at_least=least)


def per_second(number: int, from_t: int, to_t: int) -> float:
    return number * 1e9 / (to_t - from_t)


def unconfirmed(counted: Counted) -> int:
    total = counted.found.breakdowns.total
    return total.calls - total.applied - total.failed


def net_private_bounds(counted: Counted) -> Bounds | None:
    """Each unknown page may be private or not."""
    if not counted.layout_is_known:
        return None
    before, after = counted.before.totals(), counted.after.totals()
    net = after.private - before.private
    return Bounds(net - before.unknown, net + after.unknown)


def net_unknown(counted: Counted) -> int | None:
    """Without memslots it is of the pages that conversions named, but others are as unknown."""
    found = counted.found
    is_open = found.unplaced > 0 or found.others.get(EventKind.DOUBT, 0) > 0
    return None if is_open and not counted.layout_is_known else found.net_unknown


def outside_memslots(counted: Counted) -> int | None:
    outside = counted.found.breakdowns.by[Dimension.MEMSLOT].get(NO_SLOT)
    if not counted.layout_is_known:
        return None
    return outside.calls if outside else 0


def latency(name: str) -> Callable[[Counted], int | None]:
    """One of those of an interval; None: the end of no call was seen."""
    return lambda counted: getattr(counted.found.latencies, name, None)


def share_of_threads(counted: Counted) -> float | None:
    times, threads = counted.found.latencies, counted.found.breakdowns.by[Dimension.THREAD]
    if times is None or 0 in threads:
        return None
    return times.total_ns / ((counted.to_t - counted.from_t) * max(len(threads), 1))
