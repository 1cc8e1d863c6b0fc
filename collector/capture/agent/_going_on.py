"""When a recording that goes on does so, by its own time, and what its coverage keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.store.protocol import StoredRecording
from collector.description import SourceDescription

SET_BACK = (
    "By the time of day, this was gone on with before it had ended: a clock was set. How long "
    "nothing was recorded is not known, and time goes on right after the end."
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What makes ns since the recording's start of a source's clock."""

    from_t: int  # when the source began
    zero_ns: int  # its clock at t = 0; negative where it began anew with another boot
    is_same_boot: bool = False  # as of the run before
    notes: tuple[str, ...] = ()


def origin_of(
    source: SourceDescription, boot_id: str | None, past: StoredRecording | None
) -> Origin:
    """In the same boot the clock goes on; after another one, only that of the time of day does."""
    start_ns = source.clock_start_ns
    if past is None:
        return Origin(0, start_ns)
    is_same_boot = boot_id is not None and boot_id == past.boot_id
    t = past.last_t + 1
    if is_same_boot:
        t = past.from_t + start_ns - past.clock_start_ns
    elif source.wall_start_ns is not None and past.wall_start_ns is not None:
        t = past.from_t + source.wall_start_ns - past.wall_start_ns
    from_t = max(t, past.last_t + 1)
    return Origin(from_t, start_ns - from_t, is_same_boot, (SET_BACK,) if t < from_t else ())


def with_past(coverage: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The coverage of all runs: their sentences, and how often events were met."""
    notes = dict.fromkeys((*before.get("notes", ()), *coverage["notes"]))
    counts = {
        name: _added(before.get(name, {}), coverage[name]) for name in ("events", "unused_events")
    }
    return coverage | {"notes": list(notes)} | counts


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
