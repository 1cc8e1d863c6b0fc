"""The distinct ones of some numbers."""

import numpy as np
import numpy.typing as npt


def distinct(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Ascending. Like np.unique, which imports numpy.ma: a twentieth of a second at every start."""
    ordered = np.sort(numbers)
    is_first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    result: npt.NDArray[np.int64] = ordered[is_first]
    return result
