"""Storms of a VM, and every number of a storm or of any other interval.

The events of a recording are counted into bins, bursts of them become storms, and an interval is
counted by the statistics declared here: each once, found by name on pages, in REST and on the
command line. The headline is made from the same numbers.
"""

from app.queries.storms._breakdown_tables import (
    Breakdown,
    BreakdownRow,
    DifferenceRow,
    common_values,
)
from app.queries.storms._details import (
    BreakerView,
    FailureExample,
    FailureReason,
    FailureView,
    FlipThread,
    LatencyBucket,
    PingPongView,
    TouchedSlot,
)
from app.queries.storms._headline import headline
from app.queries.storms._interval_counts import interval_view
from app.queries.storms._interval_view import (
    BeforeView,
    CallsView,
    HugePagesView,
    IntervalView,
    LatencyView,
    PagesView,
)
from app.queries.storms._rules import StormRules, StormThresholds, storm_rules
from app.queries.storms._statistics import per_second, statistics_of
from app.queries.storms._storm_list import (
    BOOT,
    PAGES_CHANGED,
    Boot,
    StormList,
    StormRow,
    StormView,
)
from app.queries.storms._storm_reading import KINDS, StormReading
from app.queries.storms._storms import Storms
from app.queries.storms._terminal_lines import fact_lines, list_lines, plain_rate, storm_line

__all__ = [
    "BOOT",
    "KINDS",
    "PAGES_CHANGED",
    "BeforeView",
    "Boot",
    "Breakdown",
    "BreakdownRow",
    "BreakerView",
    "CallsView",
    "DifferenceRow",
    "FailureExample",
    "FailureReason",
    "FailureView",
    "FlipThread",
    "HugePagesView",
    "IntervalView",
    "LatencyBucket",
    "LatencyView",
    "PagesView",
    "PingPongView",
    "StormList",
    "StormReading",
    "StormRow",
    "StormRules",
    "StormThresholds",
    "StormView",
    "Storms",
    "TouchedSlot",
    "common_values",
    "fact_lines",
    "headline",
    "interval_view",
    "list_lines",
    "per_second",
    "plain_rate",
    "statistics_of",
    "storm_line",
    "storm_rules",
]
