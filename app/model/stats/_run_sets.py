"""Sets of pages as sorted runs: what two of them share."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place
from app.model.events import RunArray
from app.model.guest import GFN_LIMIT, PageState

Gfns = npt.NDArray[np.int64]


class RunSet:
    """Disjoint runs [first, end), ascending."""

    def __init__(self, first: Gfns, end: Gfns) -> None:
        self.first = first
        self.end = end

    @staticmethod
    def of(runs: RunArray, *states: PageState) -> "RunSet":
        """The pages of a page map that are in one of these states; neighbours are joined."""
        chosen = runs[np.isin(runs["state"], states)]
        first = chosen["gfn"].astype(np.int64)
        end = first + chosen["npages"].astype(np.int64)
        return _joined(first, end)

    @property
    def pages(self) -> int:
        return int((self.end - self.first).sum())

    def meet(self, other: "RunSet") -> "RunSet":
        """The pages that are in both."""
        most = len(self.first) + len(other.first)
        first, end = np.empty(most, np.int64), np.empty(most, np.int64)
        count = meet_runs(self.first, self.end, other.first, other.end, first, end)
        return RunSet(first[:count], end[:count])

    def minus(self, other: "RunSet") -> "RunSet":
        """The pages that are not in the other."""
        return self.meet(RunSet(np.append(0, other.end), np.append(other.first, GFN_LIMIT)))


@hot_in_place
def meet_runs(
    first: Gfns, end: Gfns, others_first: Gfns, others_end: Gfns, met_first: Gfns, met_end: Gfns
) -> int:
    """Fill `met_first` and `met_end` with what two sets of runs share; how many runs that is."""
    count, i, j = 0, 0, 0
    while i < first.size and j < others_first.size:
        low = max(first[i], others_first[j])
        high = min(end[i], others_end[j])
        if low < high:
            met_first[count], met_end[count] = low, high
            count += 1
        if end[i] < others_end[j]:
            i += 1
        else:
            j += 1
    return count


def _joined(first: Gfns, end: Gfns) -> RunSet:
    """Ascending runs, neighbours as one."""
    is_start = np.append(True, first[1:] != end[:-1])[: len(first)]
    is_end = np.append(first[1:] != end[:-1], True)[: len(first)]
    return RunSet(first[is_start], end[is_end])
