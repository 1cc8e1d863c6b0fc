"""`gmemscope collect --continue`: which recording is gone on with, or why none."""

from dataclasses import replace
from typing import TYPE_CHECKING

from app.commands.recording._recorder import print_line

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.store.write import Past
    from collector.capture.agent import Context
    from collector.capture.live import LiveSource

LONGEST_NS = 90 * 24 * 3600 * 10**9
"""Browsers hold whole numbers up to 2^53: of ns, those are 104 days."""


def past_of(engine: "Engine", source: "LiveSource", context: "Context") -> "Past | None":
    """This host's latest live recording; None: a new one begins. Prints which, and why."""
    from app.store.errors import CannotGoOn
    from app.store.write import find_past
    from collector.capture.agent import header_of

    try:
        past = find_past(engine, header_of(source, context))
    except CannotGoOn as reason:
        print_line(f"--continue: {reason}; a new recording begins")
        return None
    stored = past.stored
    from_t = header_of(source, replace(context, past=stored)).from_t
    if from_t >= LONGEST_NS:
        print_line(
            f"--continue: recording {stored.recording_id} would reach over "
            f"{from_t / 86400e9:.0f} days; a new recording begins"
        )
        return None
    print_line(
        f"--continue: recording {stored.recording_id} goes on; nothing was recorded from "
        f"t+{stored.complete_t / 1e9:.3f} s to t+{from_t / 1e9:.3f} s"
    )
    return past
