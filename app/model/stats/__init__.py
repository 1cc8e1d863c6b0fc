"""Statistics over events and changes: bursts, the numbers of an interval, breakdowns,
ping-pong, double allocation, differences of two page maps. Each is a pure function with a
property test against brute force.
"""

from app.model.stats._breakdowns import (
    NO_RANGE,
    NO_SLOT,
    Breakdowns,
    CallSums,
    Columns,
    Difference,
    Dimension,
    SizeClass,
    SlotRange,
    differences,
    is_timed,
    size_name,
)
from app.model.stats._bursts import (
    BIN_SHIFT,
    CONVERSIONS,
    FAULTS,
    Bins,
    Burst,
    BurstRule,
    Bursts,
    Instants,
    InstantsIn,
    find_bursts,
)
from app.model.stats._diff import DifferenceArray, differing, side_by_side, transitions
from app.model.stats._double_allocation import DoubleAllocation
from app.model.stats._filters import (
    ALL_EVENTS,
    ANY,
    DIRECTED,
    EventFilter,
    EventQuery,
    Mask,
    SlotLife,
    lives_of,
    matching,
    only,
)
from app.model.stats._flip_runs import FlipRunArray, Ints, flips_among, flips_of_runs
from app.model.stats._interval import IntervalCounts
from app.model.stats._live_bursts import LiveBursts
from app.model.stats._pages_in_both import ANYTHING, put_into
from app.model.stats._ping_pong import FlipHistory
from app.model.stats._run_sets import RunSet

__all__ = [
    "ALL_EVENTS",
    "ANY",
    "ANYTHING",
    "BIN_SHIFT",
    "CONVERSIONS",
    "DIRECTED",
    "FAULTS",
    "NO_RANGE",
    "NO_SLOT",
    "Bins",
    "Breakdowns",
    "Burst",
    "BurstRule",
    "Bursts",
    "CallSums",
    "Columns",
    "Difference",
    "DifferenceArray",
    "Dimension",
    "DoubleAllocation",
    "EventFilter",
    "EventQuery",
    "FlipHistory",
    "FlipRunArray",
    "Instants",
    "InstantsIn",
    "IntervalCounts",
    "Ints",
    "LiveBursts",
    "Mask",
    "RunSet",
    "SizeClass",
    "SlotLife",
    "SlotRange",
    "differences",
    "differing",
    "find_bursts",
    "flips_among",
    "flips_of_runs",
    "is_timed",
    "lives_of",
    "matching",
    "only",
    "put_into",
    "side_by_side",
    "size_name",
    "transitions",
]
