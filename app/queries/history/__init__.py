"""The life of pages, the state at an instant, what lies between two moments, what may be
allocated twice, and timelines.
"""

from app.queries.history._backing import Accounts, BackingPoint, BackingView
from app.queries.history._diff_strips import BINS, Bar, change_bars, side_cells
from app.queries.history._events_between import EventsBetween, events_between
from app.queries.history._interval_pictures import interval_pictures
from app.queries.history._moment_diff import Diff, Moment, diff, largest, moment, rows_between
from app.queries.history._page_history import PageHistory, Pages, page_history
from app.queries.history._state import state_at
from app.queries.history._timeline_table import (
    COUNTS,
    TIMELINE,
    is_known,
    timeline_of,
    timeline_table,
)

__all__ = [
    "BINS",
    "COUNTS",
    "TIMELINE",
    "Accounts",
    "BackingPoint",
    "BackingView",
    "Bar",
    "Diff",
    "EventsBetween",
    "Moment",
    "PageHistory",
    "Pages",
    "change_bars",
    "diff",
    "events_between",
    "interval_pictures",
    "is_known",
    "largest",
    "moment",
    "page_history",
    "rows_between",
    "side_cells",
    "state_at",
    "timeline_of",
    "timeline_table",
]
