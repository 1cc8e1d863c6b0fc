"""Storms of a VM, and every number of a storm or of any other interval."""

from app.queries.storms._breakdowns import DifferenceRow, TallyRow, TallyTable
from app.queries.storms._counts import statistics_of
from app.queries.storms._headline import headline
from app.queries.storms._in_full import StormView
from app.queries.storms._intervals import stretch_view
from app.queries.storms._lines import fact_lines, list_lines, storm_line
from app.queries.storms._parts import (
    BeforeView,
    BreakerView,
    CallsView,
    FailureExample,
    FailureReason,
    FailureView,
    FlipThread,
    HugePagesView,
    LatencyBucket,
    LatencyView,
    PagesView,
    PingPongView,
    StretchView,
    TouchedSlot,
)
from app.queries.storms._storms import StormList, StormRow, StormRules, Storms

__all__ = [
    "BeforeView",
    "BreakerView",
    "CallsView",
    "DifferenceRow",
    "FailureExample",
    "FailureReason",
    "FailureView",
    "FlipThread",
    "HugePagesView",
    "LatencyBucket",
    "LatencyView",
    "PagesView",
    "PingPongView",
    "StormList",
    "StormRow",
    "StormRules",
    "StormView",
    "Storms",
    "StretchView",
    "TallyRow",
    "TallyTable",
    "TouchedSlot",
    "fact_lines",
    "headline",
    "list_lines",
    "statistics_of",
    "storm_line",
    "stretch_view",
]
