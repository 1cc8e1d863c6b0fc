"""Which pages an event concerns, as far as that was recorded."""

import numpy as np
import numpy.typing as npt

from app.model.guest import Certainty, EventKind

NOWHERE, SOMEWHERE, EVERYWHERE = range(3)
"""Where an event was: not recorded, its range, or possibly any page."""


def places_of(
    kind: npt.NDArray[np.uint8], range_certainty: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """NOWHERE, SOMEWHERE or EVERYWHERE for each event."""
    has_range = range_certainty != Certainty.UNKNOWN
    is_loss = (kind == EventKind.LOSS_BEGIN) | (kind == EventKind.LOSS_END)
    converts = (kind == EventKind.CONVERSION) | (kind == EventKind.DOUBT)
    is_everywhere = is_loss | (converts & ~has_range)
    return np.where(is_everywhere, EVERYWHERE, np.where(has_range, SOMEWHERE, NOWHERE)).astype(
        np.uint8
    )
