"""What happened in an interval of time, in one sentence made from its numbers."""

from app.model.stats import Dimension
from app.queries.figures import AT_LEAST, figure, share
from app.queries.storms._breakdown_tables import BreakdownRow
from app.queries.storms._details import PingPongView
from app.queries.storms._interval_view import IntervalView, PagesView

MAIN_SHARE = 0.5
"""What more than half of the calls have in common stands for them."""


def headline(facts: IntervalView) -> str:
    """Who converted how much, with what effect, why, and what it cost."""
    if facts.calls.requested:
        parts = [f"{_who(facts)} {_what(facts)}", *_costs(facts)]
        if facts.pages.changed is None:
            parts.insert(1, "which pages changed is not recorded")
    else:
        parts = ["nobody asked to convert a page"]
    if facts.losses:
        parts.append("events were lost in it, so that every number is a lower bound")
    return "; ".join(parts) + "."


def _who(facts: IntervalView) -> str:
    main = _main(facts, Dimension.VCPU)
    if main is None or main.value == "not known":
        main = _main(facts, Dimension.THREAD)
    if main is not None:
        name = "an unknown thread" if main.value == "not known" else main.value
        if main.share == 1:
            return name
        return f"{name} (with {share(main.share)} of the calls) and others"
    threads = next(table.values for table in facts.by if table.dimension == Dimension.THREAD)
    return f"{threads:,} threads"


def _what(facts: IntervalView) -> str:
    calls = facts.calls
    text = f"asked {calls.requested:,} times to convert pages{_why(facts)}"
    if calls.failed:
        text += f", {calls.failed:,} times in vain"
    if facts.pages.changed is not None:
        text += f": {_changed(facts.pages, facts.pages.changed, has_memslots=bool(facts.memslots))}"
    run = facts.ping_pong[0] if facts.ping_pong else None
    return text if run is None else text + _back_and_forth(run)


def _changed(pages: PagesView, moved: int, *, has_memslots: bool) -> str:
    if not moved:
        return "no page in a memslot changed" if has_memslots else "no page changed"
    text = f"{figure(pages, 'changed', '{:,}'.format)} page changes"
    net = pages.net_private_bounds
    if net is None:
        return text
    wasted = 1 - min(max(abs(net.lower), abs(net.upper)), moved) / moved
    least = "" if pages.net_private is not None else f"{AT_LEAST} "
    undone = f", {least}{share(wasted)} of them undone by others"
    return text + (undone if wasted >= MAIN_SHARE else "")


def _back_and_forth(run: PingPongView) -> str:
    pages = "one page" if run.npages == 1 else f"{run.npages:,} pages"
    return f" ({pages} at {run.gpa} alone went back and forth {run.flips:,} times)"


def _why(facts: IntervalView) -> str:
    """Of the calls: what changed may be by others of them."""
    main = _main(facts, Dimension.CAUSE)
    if main is None:
        return ""
    if main.value == "not recorded":
        return " (why is not recorded)"
    reasons = {
        "explicit": "because the guest asked for it",
        "implicit": "because the guest touched pages in the wrong state",
        "VMM": "of the VMM's own accord",
    }
    cause, certainty = main.value.removesuffix(")").split(" (")
    in_doubt = "" if certainty == "seen" else f", {certainty}"
    part = "" if main.share == 1 else f"{share(main.share)} of them "
    return f" ({part}{reasons[cause]}{in_doubt})"


def _costs(facts: IntervalView) -> list[str]:
    costs = []
    huge = facts.huge_pages
    before = None if "mixed_before" in huge.at_least else huge.mixed_before
    if before is not None and huge.mixed_after is not None and huge.mixed_after > before:
        least = f"{AT_LEAST} " if "mixed_after" in huge.at_least else ""
        left = huge.mixed_after - before
        costs.append(f"{least}{left:,} more 2 MiB blocks were left mixed than before")
    threads = next(table.values for table in facts.by if table.dimension == Dimension.THREAD)
    if facts.latency.share_of_threads is not None:
        spent = figure(facts.latency, "share_of_threads", share)
        whose = "its thread" if threads == 1 else f"its {threads:,} threads"
        costs.append(f"{whose} spent {spent} of the time inside the calls")
    return costs


def _main(facts: IntervalView, dimension: Dimension) -> BreakdownRow | None:
    """The value that more than half of the calls have."""
    table = next(table for table in facts.by if table.dimension == dimension)
    if table.rows and table.rows[0].share > MAIN_SHARE:
        return table.rows[0]
    return None
