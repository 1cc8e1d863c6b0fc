"""A storm in a few lines of text: what `gmemscope storms` prints and a page has as its headline."""

from collections.abc import Callable, Iterator
from typing import Any

from app.queries.figures import NOT_RECORDED, THIN_SPACE, duration, figure, plural, rate, share
from app.queries.storms._interval_view import (
    CallsView,
    HugePagesView,
    IntervalView,
    LatencyView,
    PagesView,
)
from app.queries.storms._statistics import Unit
from app.queries.storms._storm_list import Boot, StormList, StormRow

MOST_LINES = 3
_WRITERS: dict[Unit, Callable[[Any], str]] = {
    "count": "{:,}".format,
    "pages": lambda number: plain_plural(number, "page"),
    "duration": duration,
    "share": share,
}


def list_lines(found: StormList) -> Iterator[str]:
    """One line a storm, and what was measured against."""
    for place, storm in enumerate(found.storms, 1):
        yield f"{place}  {storm_line(storm)}"
    if not found.has_times:
        yield "this recording has no times: no storm can be found in it"
    elif not found.storms:
        yield "no storm"
    if found.boot is not None:
        boot = found.boot
        yield (
            f"   boot: t+{boot.from_t / 1e9:.6f} s to t+{boot.to_t / 1e9:.6f} s, "
            f"{boot.conversions:,} conversions (peak {plain_rate(boot.peak_per_second)} in 134 ms)"
            f", {_faults(boot)}"
        )
    for measured in found.measured:
        if not measured.is_recorded:
            yield f"   {measured.kind}: {NOT_RECORDED}"
            continue
        yield (
            f"   {measured.kind}: baseline {plain_rate(measured.baseline_per_second)}, a burst has "
            f"{plain_rate(measured.threshold_per_second)} and {measured.rule.min_calls:,} "
            f"({measured.rule.boot_min_calls:,} while the guest boots)"
        )


def _faults(boot: Boot) -> str:
    if boot.page_faults is None:
        return f"page faults {NOT_RECORDED}"
    return f"{figure(boot, 'page_faults', plain)} page faults"


def storm_line(storm: StormRow) -> str:
    length = duration(storm.to_t - storm.from_t)
    line = (
        f"{storm.id}  t+{storm.from_t / 1e9:.6f} s  {length}  {storm.calls:,} {storm.kind}, "
        f"{plain_rate(storm.per_second)} (peak {plain_rate(storm.peak_per_second)} in 134 ms)"
    )
    if storm.failed:
        line += f", {storm.failed:,} failed"
    return line + (", while the guest booted" if storm.in_boot else "")


def fact_lines(facts: IntervalView) -> Iterator[str]:
    """What stands out, most of all first."""
    calls, pages = facts.calls, facts.pages
    yield (
        f"{calls.requested:,} requested: {calls.applied:,} applied ({_noop_text(calls)}), "
        f"{calls.failed:,} failed, {calls.unconfirmed:,} unconfirmed"
    )
    if calls.unplaced:
        yield f"ranges of {calls.unplaced:,} are {NOT_RECORDED}"
    yield from _page_lines(pages)
    yield _latency_line(facts.latency)
    for table in facts.by:
        if table.dimension in ("cause", "size", "thread"):
            shares = ", ".join(f"{row.value} {share(row.share)}" for row in table.rows[:MOST_LINES])
            yield f"by {table.dimension}: {shares}"
    for run in facts.ping_pong[:MOST_LINES]:
        tid = run.threads[0].tid
        who = f"thread {tid}" if tid else "an unknown thread"
        yield (
            f"ping-pong at {run.gpa}, {plain_plural(run.npages, 'page')}: {run.flips:,} flips, "
            f"every {duration(run.period_ns)}, by {who}"
        )
    for failure in facts.failures:
        yield f"{failure.calls:,} failed with {failure.name}: {failure.examples[0].why}"
    if facts.ping_pong_runs is None:
        yield f"ping-pong {NOT_RECORDED}"
    yield from _block_lines(facts.huge_pages)
    for part, name, statistic in facts.alone():
        if statistic.has_line:
            yield f"{statistic.words}: {figure(part, name, _WRITERS[statistic.unit])}"
    for loss in facts.losses[:MOST_LINES]:
        count = "an unknown number of" if loss.count is None else f"{loss.count:,}"
        yield f"{count} events lost at t+{loss.from_t / 1e9:.6f} s: the numbers are too low"


def _noop_text(calls: CallsView) -> str:
    if calls.noop is None:
        return f"how many changed nothing is {NOT_RECORDED}"
    return f"{figure(calls, 'noop', plain)} changed nothing"


def _page_lines(pages: PagesView) -> Iterator[str]:
    if pages.changed is None:
        yield f"pages changed: {NOT_RECORDED}"
        return
    net, bounds = f"{pages.net_private or 0:+,} private", pages.net_private_bounds
    if pages.net_private is None:
        net = f"{bounds.lower:+,} to {bounds.upper:+,} private" if bounds else "not known"
    yield (
        f"{figure(pages, 'changed', plain)} pages changed ({figure(pages, 'to_private', plain)} to "
        f"private, {figure(pages, 'to_shared', plain)} to shared), net {net}"
    )


def _block_lines(huge: HugePagesView) -> Iterator[str]:
    if huge.broken is None and huge.healed is None:
        yield f"2 MiB blocks broken or healed: {NOT_RECORDED}"
    elif huge.broken or huge.healed:
        yield (
            f"2 MiB blocks: times broken {figure(huge, 'broken', plain)}, times healed "
            f"{figure(huge, 'healed', plain)}; mixed before {figure(huge, 'mixed_before', plain)}, "
            f"after {figure(huge, 'mixed_after', plain)}"
        )


def plain(number: int) -> str:
    """41234 -> "41,234", as terminals show it."""
    return f"{number:,}"


def plain_plural(number: int, noun: str) -> str:
    return plural(number, noun).replace(THIN_SPACE, ",")


def plain_rate(per_second: float) -> str:
    return rate(per_second).replace(THIN_SPACE, ",")


def _latency_line(latency: LatencyView) -> str:
    if latency.p50_ns is None:
        return f"latency {NOT_RECORDED}"
    return (
        f"latency p50 {figure(latency, 'p50_ns', duration)}, "
        f"p99 {figure(latency, 'p99_ns', duration)}, max {figure(latency, 'max_ns', duration)}; "
        f"{figure(latency, 'total_ns', duration)} in all"
    )
