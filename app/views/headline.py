"""What happened in a stretch of time, in one sentence made from its numbers."""

from app.model.tallies import Dimension
from app.views.stretch_parts import PingPongView, StretchView
from app.views.tally_tables import TallyRow

MAIN_SHARE = 0.5
"""What more than half of the calls have in common stands for them."""


def headline(facts: StretchView) -> str:
    """Who converted how much, with what effect, why, and what it cost."""
    if facts.calls.requested:
        parts = [f"{_who(facts)} {_what(facts)}{_why(facts)}", *_costs(facts)]
    else:
        parts = ["nobody asked to convert a page"]
    if facts.losses:
        parts.append("events were lost in it, so that every number is a lower bound")
    return "; ".join(parts) + "."


def _who(facts: StretchView) -> str:
    main = _main(facts, Dimension.VCPU)
    if main is None or main.value == "not known":
        main = _main(facts, Dimension.THREAD)
    if main is not None:
        return (
            main.value
            if main.share == 1
            else (f"{main.value} (with {main.share:.0%} of the calls) and others")
        )
    threads = next(table.values for table in facts.by if table.dimension == Dimension.THREAD)
    return f"{threads:,} threads"


def _what(facts: StretchView) -> str:
    calls, pages = facts.calls, facts.pages
    moved = pages.to_private + pages.to_shared
    net = abs(pages.net_private)
    text = f"asked {calls.requested:,} times to convert pages"
    if calls.failed:
        text += f", {calls.failed:,} times in vain"
    if moved:
        text += f": {moved:,} page changes"
        wasted = 1 - min(net, moved) / moved
        text += f", {wasted:.0%} of them undone by others" if wasted >= MAIN_SHARE else ""
    else:
        text += ": no page in a memslot changed" if facts.memslots else ": no page changed"
    run = facts.ping_pong[0] if facts.ping_pong else None
    return text if run is None else text + _back_and_forth(run)


def _back_and_forth(run: PingPongView) -> str:
    pages = "one page" if run.npages == 1 else f"{run.npages:,} pages"
    return f" ({pages} at {run.gpa} alone went back and forth {run.flips:,} times)"


def _why(facts: StretchView) -> str:
    main = _main(facts, Dimension.CAUSE)
    if main is None:
        return ""
    if main.value == "not recorded":
        return "; why is not recorded"
    reasons = {
        "explicit": "because the guest asked for it",
        "implicit": "because the guest touched pages in the wrong state",
        "VMM": "of the VMM's own accord",
    }
    cause, certainty = main.value.removesuffix(")").split(" (")
    said = "" if certainty == "seen" else f" ({certainty})"
    return f", {reasons[cause]}{said}"


def _costs(facts: StretchView) -> list[str]:
    costs = []
    huge = facts.huge_pages
    left = huge.mixed_after - huge.mixed_before
    if left > 0:
        costs.append(f"{left:,} more 2 MiB blocks were left mixed than before")
    threads = next(table.values for table in facts.by if table.dimension == Dimension.THREAD)
    if facts.latency.calls and threads:
        share = facts.latency.total_ns / ((facts.to_t - facts.from_t) * threads)
        whose = "its thread" if threads == 1 else f"its {threads:,} threads"
        costs.append(f"{whose} spent {share:.1%} of the time inside the calls")
    return costs


def _main(facts: StretchView, dimension: Dimension) -> TallyRow | None:
    """The value that more than half of the calls have."""
    table = next(table for table in facts.by if table.dimension == dimension)
    if table.rows and table.rows[0].share > MAIN_SHARE:
        return table.rows[0]
    return None
