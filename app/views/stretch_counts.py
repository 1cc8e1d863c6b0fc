"""The counts of a stretch of time, each with what is known of it."""

from app.model.events import EventKind
from app.model.pagemap import PageMap
from app.model.states import Totals
from app.model.stretch import Stretch
from app.model.tallies import NO_SLOT, Dimension
from app.views.known import Bounds, bounded
from app.views.stretch_parts import (
    BreakerView,
    CallsView,
    HugePagesView,
    LatencyBucket,
    LatencyView,
    PagesView,
)


def per_second(calls: int, from_t: int, to_t: int) -> float:
    return calls * 1e9 / (to_t - from_t)


def leaves_open(found: Stretch) -> bool:
    """Whether it is open which pages changed, by its own conversions or by those of another VM."""
    return bool(found.tallies.total.uncertain or found.others.get(EventKind.DOUBT))


def open_counts(
    found: Stretch, *, holes_are_missing: bool, layout_is_known: bool
) -> tuple[dict[str, int | None], list[str]]:
    """(what is known of each, which of them are lower bounds)."""
    outside = found.tallies.by[Dimension.MEMSLOT].get(NO_SLOT)
    sums: dict[str, int | None] = {
        "ping_pong_runs": len(found.flip_runs),
        "punched_pages": found.punched_pages,
        "outside_memslots": None if not layout_is_known else outside.calls if outside else 0,
    }
    is_open = {
        "ping_pong_runs": leaves_open(found),
        "punched_pages": found.unplaced_holes > 0 or holes_are_missing,
        "outside_memslots": found.unplaced > 0,
    }
    return bounded(sums, [name for name in sums if is_open[name]])


def calls_of(found: Stretch, from_t: int, to_t: int) -> CallsView:
    total = found.tallies.total
    noop, least = bounded({"noop": found.noop}, ["noop"] if leaves_open(found) else [])
    return CallsView(
        requested=total.calls,
        applied=total.applied,
        failed=total.failed,
        unconfirmed=total.calls - total.applied - total.failed,
        noop=noop["noop"],
        per_second=per_second(total.calls, from_t, to_t),
        unplaced=found.unplaced,
        uncertain=total.uncertain,
        at_least=least,
    )


_ASKED = ("asked", "asked_to_private", "asked_to_shared")
_CHANGED = ("changed", "to_private", "to_shared")


def pages_of(found: Stretch, before: Totals, after: Totals, *, layout_is_known: bool) -> PagesView:
    asked = (found.pages_asked, found.asked_to_private, found.asked_to_shared)
    changed = (found.pages_to_private, found.pages_to_shared)
    sums = dict(zip((*_ASKED, *_CHANGED), (*asked, sum(changed), *changed), strict=True))
    is_open = {
        **dict.fromkeys(_ASKED, found.unplaced + found.undirected > 0),
        **dict.fromkeys(_CHANGED, leaves_open(found)),
        "asked": found.unplaced > 0,
    }
    values, least = bounded(sums, [name for name in sums if is_open[name]])
    return PagesView(
        **values,
        net_private=None if found.is_net_open else found.net_private,
        net_shared=None if found.is_net_open else found.net_shared,
        net_private_bounds=_net_private(before, after) if layout_is_known else None,
        net_unknown=_net_unknown(found) if not layout_is_known else found.net_unknown,
        at_least=least,
    )


def _net_unknown(found: Stretch) -> int | None:
    """Without memslots it is of the pages that conversions named, but others are as unknown."""
    is_open = found.unplaced > 0 or found.others.get(EventKind.DOUBT, 0) > 0
    return None if is_open else found.net_unknown


def _net_private(before: Totals, after: Totals) -> Bounds:
    """Each unknown page may be private or not."""
    net = after.private - before.private
    return Bounds(net - before.unknown, net + after.unknown)


def huge_pages_of(
    found: Stretch,
    before: PageMap,
    after: PageMap,
    breakers: list[BreakerView],
    *,
    layout_is_known: bool,
) -> HugePagesView:
    """Nobody can say whether a block is mixed of which some pages are unknown."""
    sums = {
        "broken": found.blocks_broken,
        "healed": found.blocks_healed,
        "mixed_before": before.mixed_blocks,
        "mixed_after": after.mixed_blocks,
    }
    was_open, is_open = (not layout_is_known or one.totals().unknown for one in (before, after))
    is_vague = leaves_open(found)
    opens = (*[was_open or is_open or is_vague] * 2, was_open, is_open)
    values, least = bounded(sums, [name for name, one in zip(sums, opens, strict=True) if one])
    return HugePagesView(**values, breakers=breakers, at_least=least)


def latency_of(found: Stretch, from_t: int, to_t: int) -> LatencyView:
    times = found.latencies
    if times is None:
        return LatencyView(0, None, None, None, None, None, None, [], [])
    threads = found.tallies.by[Dimension.THREAD]
    share = None if 0 in threads else times.total_ns / ((to_t - from_t) * max(len(threads), 1))
    is_open = times.calls < found.tallies.calls
    return LatencyView(
        times.calls,
        times.p50_ns,
        times.p95_ns,
        times.p99_ns,
        times.max_ns,
        times.total_ns,
        share,
        [LatencyBucket(2 << i, calls) for i, calls in enumerate(times.by_power) if calls],
        ["total_ns", "share_of_threads"] if is_open else [],
    )
