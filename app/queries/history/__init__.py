"""The life of pages, the state at an instant, what lies between two moments, what may be
allocated twice, and timelines.
"""

from app.queries.history._backing import Accounts, BackingPoint, BackingView
from app.queries.history._between import Between, between
from app.queries.history._diff_pictures import BINS, Bar, became, changes, states
from app.queries.history._diffs import Diff, Moment, diff, largest, moment, rows_between
from app.queries.history._page_history import PageHistory, Pages, page_history
from app.queries.history._state import state_at
from app.queries.history._timelines import COUNTS, TIMELINE, is_known, timeline_of, timeline_table

__all__ = [
    "BINS",
    "COUNTS",
    "TIMELINE",
    "Accounts",
    "BackingPoint",
    "BackingView",
    "Bar",
    "Between",
    "Diff",
    "Moment",
    "PageHistory",
    "Pages",
    "became",
    "between",
    "changes",
    "diff",
    "is_known",
    "largest",
    "moment",
    "page_history",
    "rows_between",
    "state_at",
    "states",
    "timeline_of",
    "timeline_table",
]
