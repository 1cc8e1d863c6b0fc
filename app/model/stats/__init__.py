"""Statistics over events and changes: bursts, the numbers of an interval, breakdowns,
ping-pong, double allocation, differences of two page maps. Each is a pure function with a
property test against brute force.
"""

from app.model.stats._breakdowns import (
    NO_RANGE,
    NO_SLOT,
    Columns,
    Difference,
    Dimension,
    SizeClass,
    SlotRange,
    Tallies,
    Tally,
    differences,
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
    find_bursts,
)
from app.model.stats._diff import DifferenceArray, differing, side_by_side, transitions
from app.model.stats._double_allocation import Halves
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
from app.model.stats._flips import FlipRunArray, Ints, flips_among, flips_of_runs
from app.model.stats._interval import Stretch, StretchSums
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
    "Burst",
    "BurstRule",
    "Bursts",
    "Columns",
    "Difference",
    "DifferenceArray",
    "Dimension",
    "EventFilter",
    "EventQuery",
    "FlipHistory",
    "FlipRunArray",
    "Halves",
    "Instants",
    "Ints",
    "Mask",
    "RunSet",
    "SizeClass",
    "SlotLife",
    "SlotRange",
    "Stretch",
    "StretchSums",
    "Tallies",
    "Tally",
    "differences",
    "differing",
    "find_bursts",
    "flips_among",
    "flips_of_runs",
    "lives_of",
    "matching",
    "only",
    "put_into",
    "side_by_side",
    "size_name",
    "transitions",
]
