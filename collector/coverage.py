"""What a recording can show, and in plain words what it cannot and what that costs its reader."""

from collections.abc import Mapping
from typing import Any

from app.model.guest import Capability as Capability
from collector.kvm.catalogue import COST_OF_MISSING as COST_OF_MISSING


def describe_coverage(
    sees: Mapping[str, bool],
    *,
    events: Mapping[str, int] | None = None,
    unused_events: Mapping[str, int] | None = None,
    notes: tuple[str, ...] = (),
    costs: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The JSON-ready coverage kept with a recording.

    `events` and `unused_events` count records by "system:name"; `notes` are a source's own
    sentences and come before those of the missing capabilities, `costs` its own words for some of
    these; an empty one is not worth a word.
    """
    costs = {c.value: text for c, text in COST_OF_MISSING.items()} | dict(costs or {})
    missing = [c for c in Capability if not sees.get(c.value, False)]
    if sees.get(Capability.CONVERSION_RANGES, False) and Capability.REQUESTED_RANGES in missing:
        missing.remove(Capability.REQUESTED_RANGES)  # nothing has to be inferred
    if not sees.get(Capability.CONVERSION_RANGES, False):
        ranges = "inferred" if sees.get(Capability.REQUESTED_RANGES, False) else "none"
    else:
        ranges = "seen"
    return {
        "sees": {c.value: bool(sees.get(c.value, False)) for c in Capability},
        "conversion_ranges": ranges,
        "missing": [
            {"capability": c.value, "costs": costs[c.value]} for c in missing if costs[c.value]
        ],
        "notes": list(notes),
        "events": dict(events or {}),
        "unused_events": dict(unused_events or {}),
    }
