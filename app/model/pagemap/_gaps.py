"""While events were lost, nothing that was seen is known to be the last word. Compiled."""

from app.compiled import hot_part
from app.model.guest import EventKind
from app.model.pagemap._tree import GAP_END, GAPS, Meta

LOSS_BEGIN = int(EventKind.LOSS_BEGIN)
LOSS_END = int(EventKind.LOSS_END)


@hot_part
def pass_gap(meta: Meta, kind: int, t: int) -> None:
    """A loss begins or ends. Several may be under way, one for each CPU."""
    if kind == LOSS_BEGIN:
        meta[GAPS] += 1
    elif kind == LOSS_END:
        meta[GAPS] = max(meta[GAPS] - 1, 0)
        meta[GAP_END] = t


@hot_part
def may_be_undone(meta: Meta, entered: int) -> bool:
    """Whether a lost call may have come after one that was entered then: the order of what happened
    within a gap is not known, and a call takes effect at some time between entry and return."""
    return bool(meta[GAPS] > 0 or entered < meta[GAP_END])
