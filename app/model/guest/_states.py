"""What can be known of pages. Without numpy, for those who only ask how many there are."""

from dataclasses import dataclass
from enum import IntEnum

GFN_LIMIT = 1 << 40


class Certainty(IntEnum):
    UNKNOWN = 0
    INFERRED = 1
    SEEN = 2


class PageState(IntEnum):
    SHARED = 0
    PRIVATE = 1
    UNKNOWN = 2
    NO_MEMSLOT = 3
    """Only in `CHANGE` rows and rasters: no memslot covers the page."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Pages in live memslots, by state. Their sum is the memslots' size."""

    private: int
    shared: int
    unknown: int
