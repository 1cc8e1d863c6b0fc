"""Which conversions leave open what they changed: how far sums over page changes can be trusted.

It is not known how many pages a conversion flipped if its end, its direction or its range was not
recorded, nor if the state of its pages before was unknown. Sums of effects are lower bounds then.
"""

import numpy as np
import numpy.typing as npt

from app.model.events._columns import ChangeArray, EventArray
from app.model.guest import Certainty, Outcome, PageState, To

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def is_vague(calls: EventArray) -> Mask:
    """Of conversions: those that may have changed any pages, or may have changed theirs or not."""
    is_open = (calls["to"] == To.UNKNOWN) | (calls["range_certainty"] == Certainty.UNKNOWN)
    is_applied = calls["outcome"] == Outcome.APPLIED
    result: Mask = (calls["outcome"] == Outcome.UNCONFIRMED) | (is_applied & is_open)
    return result


def learning_events(changes: ChangeArray) -> Ints:
    """Numbers, ascending, of the events by which pages became known, or would have if nothing had
    been lost: they may have flipped or not.

    The rows of one event follow each other, and may not be divided between two calls.
    """
    is_learnt = changes["before"] == PageState.UNKNOWN
    events = changes["event"][is_learnt & (changes["event"] >= 0)]
    result: Ints = events[np.diff(events, prepend=-1) != 0]
    return result
