"""Sets of pages as sorted runs: what two of them share."""

import numpy as np
import numpy.typing as npt

from app.model.events import PageState, RunArray

Gfns = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


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

    def below(self, gfns: Gfns) -> Gfns:
        """How many pages of the set lie below each gfn."""
        if not len(self.first):
            return np.zeros(len(gfns), np.int64)
        before = np.concatenate(([0], np.cumsum(self.end - self.first)))
        at = np.searchsorted(self.first, gfns, side="right") - 1
        inside = np.minimum(gfns - self.first[at], self.end[at] - self.first[at])
        result: Gfns = np.where(at < 0, 0, before[np.maximum(at, 0)] + inside)
        return result

    def shared_with(self, other: "RunSet") -> int:
        """How many pages are in both."""
        return int((other.below(self.end) - other.below(self.first)).sum())

    def meet(self, other: "RunSet") -> "RunSet":
        """The pages that are in both."""
        edges, ours, theirs = self._against(other)
        inside = ours & theirs
        return _joined(edges[:-1][inside], edges[1:][inside])

    def minus(self, other: "RunSet") -> "RunSet":
        """The pages that are not in the other."""
        edges, ours, theirs = self._against(other)
        inside = ours & ~theirs
        return _joined(edges[:-1][inside], edges[1:][inside])

    def _against(self, other: "RunSet") -> tuple[Gfns, Mask, Mask]:
        """Borders of both, and which stretches between them lie in each."""
        edges = np.unique(np.concatenate((self.first, self.end, other.first, other.end)))
        return edges, np.diff(self.below(edges)) > 0, np.diff(other.below(edges)) > 0


def _joined(first: Gfns, end: Gfns) -> RunSet:
    """Ascending runs, neighbours as one."""
    is_start = np.append(True, first[1:] != end[:-1])[: len(first)]
    is_end = np.append(first[1:] != end[:-1], True)[: len(first)]
    return RunSet(first[is_start], end[is_end])
