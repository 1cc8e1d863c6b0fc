"""A raster from changes and events alone: what summaries and segments are held against."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from app.model.events import ChangeArray, EventArray, RunArray
from app.model.raster import NO_BLOCKS, Churn, ChurnSums, Grid, Raster, RasterSums


def rasterise(
    start: RunArray, changes: Iterable[ChangeArray], events: Iterable[EventArray], grid: Grid
) -> Raster:
    """Draw an interval of time from the state before it and all that followed, in order of time.

    `start` may lie any time before the first column if `changes` go on from there.
    """
    sums = RasterSums(grid)
    sums.add_start(start, NO_BLOCKS)
    for chunk in changes:
        sums.add_changes(chunk)
    for chunk in events:
        sums.add_events(chunk)
    return sums.finish()


def churn(
    start: RunArray, mixed: npt.NDArray[np.int64], changes: Iterable[ChangeArray], grid: Grid
) -> Churn:
    """As `rasterise`; `mixed`: the blocks that were mixed at the start."""
    sums = ChurnSums(grid)
    sums.add_start(start, mixed)
    for chunk in changes:
        sums.add_changes(chunk)
    return sums.finish()
