"""What a segment keeps of its timeline for zoomed-out views: counts by quantum of 2^q ns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import ChangeArray, EventArray, effect_time
from app.model.raster._timeline import PRIVATE, Counts, TimelineSums


@dataclass(frozen=True, slots=True)
class TimelineSummary:
    """Quanta count from 0 and ascend; those in which nothing happened are left out."""

    quantum_shift: int
    quanta: npt.NDArray[np.int64]  # [n]
    counts: Counts  # [n, timeline.FIELDS]


def summarise_timeline(
    changes: ChangeArray, events: EventArray, quantum_shift: int
) -> TimelineSummary:
    """Count a segment. The rows of one event may not be divided between two segments."""
    times = (changes["t"], effect_time(events))
    quanta = np.unique(np.concatenate([_distinct(t >> quantum_shift) for t in times]))
    if len(quanta) == 0:
        return TimelineSummary(quantum_shift, quanta, TimelineSums(np.array([0, 1])).counts[:0])
    edges = np.union1d(quanta, quanta + 1)
    sums = TimelineSums(edges << quantum_shift)
    sums.add_changes(changes)
    sums.add_events(events)
    return TimelineSummary(quantum_shift, quanta, sums.counts[np.searchsorted(edges, quanta)])


def _distinct(ascending: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    distinct: npt.NDArray[np.int64] = ascending[np.diff(ascending, prepend=-1) != 0]
    return distinct


def add_timeline_summary(sums: TimelineSums, summary: TimelineSummary) -> None:
    """Add a segment's summary to a timeline in the making.

    Raises ValueError unless the timeline's edges are borders of its quanta.
    """
    if (sums.t_edges & ((1 << summary.quantum_shift) - 1)).any():
        raise ValueError("the timeline's edges are not borders of the summary's quanta")
    times = summary.quanta << summary.quantum_shift
    columns = np.searchsorted(sums.t_edges, times, side="right") - 1
    inside = (columns >= 0) & (columns < len(sums.counts))
    np.add.at(sums.counts, columns[inside], summary.counts[inside])
    sums.counts[0, PRIVATE:] += summary.counts[columns < 0, PRIVATE:].sum(axis=0)
