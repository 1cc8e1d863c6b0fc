"""A storm in a few lines of text: what `gmemscope storms` prints and a page has as its headline."""

from collections.abc import Iterator

from app.views.storms import StormList, StormRow
from app.views.stretch_parts import StretchView

LATENCY_UNITS = (("s", 10**9), ("ms", 10**6), ("µs", 10**3))
MOST_LINES = 3


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
            f"{boot.conversions:,} conversions (peak {boot.peak_per_second:,.0f}/s), "
            f"{boot.page_faults:,} page faults"
        )
    for measured in found.measured:
        yield (
            f"   {measured.kind}: baseline {measured.baseline_per_second:,.1f}/s, a burst has "
            f"{measured.threshold_per_second:,.0f}/s and {measured.rule.min_calls:,} "
            f"({measured.rule.boot_min_calls:,} while the guest boots)"
        )


def storm_line(storm: StormRow) -> str:
    length = (storm.to_t - storm.from_t) / 1e9
    line = (
        f"{storm.id}  t+{storm.from_t / 1e9:.6f} s  {length:.3f} s  {storm.calls:,} {storm.kind}, "
        f"{storm.per_second:,.0f}/s (peak {storm.peak_per_second:,.0f}/s)"
    )
    if storm.failed:
        line += f", {storm.failed:,} failed"
    return line + (", while the guest booted" if storm.in_boot else "")


def fact_lines(facts: StretchView) -> Iterator[str]:
    """What stands out, most telling first."""
    calls, pages = facts.calls, facts.pages
    yield (
        f"{calls.requested:,} requested: {calls.applied:,} applied ({calls.noop:,} changed "
        f"nothing), {calls.failed:,} failed, {calls.unconfirmed:,} unconfirmed"
    )
    yield (
        f"{pages.to_private + pages.to_shared:,} pages changed "
        f"({pages.to_private:,} to private, {pages.to_shared:,} to shared), "
        f"net {pages.net_private:+,} private"
    )
    if facts.latency.calls:
        yield (
            f"latency p50 {span(facts.latency.p50_ns)}, p99 {span(facts.latency.p99_ns)}, "
            f"max {span(facts.latency.max_ns)}; {span(facts.latency.total_ns)} in all"
        )
    for table in facts.by:
        if table.dimension in ("cause", "size", "thread"):
            shares = ", ".join(f"{row.value} {row.share:.0%}" for row in table.rows[:MOST_LINES])
            yield f"by {table.dimension}: {shares}"
    for run in facts.ping_pong[:MOST_LINES]:
        tid = run.threads[0].tid
        who = f"thread {tid}" if tid else "an unknown thread"
        yield (
            f"ping-pong at {run.gpa}, {run.npages:,} pages: {run.flips:,} flips, "
            f"every {span(run.period_ns)}, by {who}"
        )
    for failure in facts.failures:
        yield f"{failure.calls:,} failed with {failure.name}: {failure.examples[0].why}"
    huge = facts.huge_pages
    if huge.broken or huge.healed:
        yield (
            f"2 MiB blocks broken {huge.broken:,} times, healed {huge.healed:,} times; "
            f"{huge.mixed_before:,} mixed before, {huge.mixed_after:,} after"
        )
    for loss in facts.losses[:MOST_LINES]:
        count = "an unknown number of" if loss.count is None else f"{loss.count:,}"
        yield f"{count} events lost at t+{loss.from_t / 1e9:.6f} s: the numbers are too low"


def span(ns: int) -> str:
    """41234 -> "41.2 µs"."""
    for unit, length in LATENCY_UNITS:
        if ns >= length:
            return f"{ns / length:.3g} {unit}"
    return f"{ns} ns"
