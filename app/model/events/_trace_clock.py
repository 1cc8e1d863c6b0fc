"""A recording's own clock at its times."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TraceClock:
    """`starts`: ascending times, ns since the recording's start, with the value of the clock at
    each. From there to the next one it goes on; with another boot of the host it begins anew."""

    starts: tuple[tuple[int, int], ...]

    def at(self, t: Times) -> Times:
        from_t, values = np.array(self.starts, np.int64).T
        run = np.maximum(np.searchsorted(from_t, t, side="right") - 1, 0)
        clock: Times = t - from_t[run] + values[run]
        return clock
