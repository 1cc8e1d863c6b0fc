"""What happens to guest memory, as columns.

EVENT rows enter the page map in order of effect time; CHANGE rows leave it: for each event only
the runs of pages whose state it really changed.
"""

from app.model.events._certain import is_vague, learning_events
from app.model.events._columns import (
    CHANGE,
    EVENT,
    RUN,
    ChangeArray,
    EventArray,
    RunArray,
    effect_time,
    last_effect_time,
)
from app.model.events._trace_clock import TraceClock
from app.model.events._window import LIMIT, WHOLE, Window

__all__ = [
    "CHANGE",
    "EVENT",
    "LIMIT",
    "RUN",
    "WHOLE",
    "ChangeArray",
    "EventArray",
    "RunArray",
    "TraceClock",
    "Window",
    "effect_time",
    "is_vague",
    "last_effect_time",
    "learning_events",
]
