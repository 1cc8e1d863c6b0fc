"""The life of pages, the state at an instant, what lies between two moments, what may be allocated
twice, and timelines.

Each question reads the page map before its window and the changes and events within it; what a loss
or damage took of them is in the answer.
"""

from app.queries.history._backing import Accounts, BackingPoint, BackingView, backing_point
from app.queries.history._diff_strips import BINS, Bar, change_bars, side_cells
from app.queries.history._events_between import EventsBetween, events_between
from app.queries.history._interval_pictures import interval_pictures
from app.queries.history._moment_diff import Diff, Moment, diff, largest, moment, rows_between
from app.queries.history._page_history import PageHistory, Pages, page_history
from app.queries.history._state import state_at
from app.queries.history._timeline_table import (
    TIMELINE,
    Buckets,
    TimelineView,
    timeline_of,
    timeline_table,
    timeline_view,
    where_known,
)

__all__ = [
    "BINS",
    "TIMELINE",
    "Accounts",
    "BackingPoint",
    "BackingView",
    "Bar",
    "Buckets",
    "Diff",
    "EventsBetween",
    "Moment",
    "PageHistory",
    "Pages",
    "TimelineView",
    "backing_point",
    "change_bars",
    "diff",
    "events_between",
    "interval_pictures",
    "largest",
    "moment",
    "page_history",
    "rows_between",
    "side_cells",
    "state_at",
    "timeline_of",
    "timeline_table",
    "timeline_view",
    "where_known",
]
