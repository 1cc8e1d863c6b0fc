"""How a figure is written, and how much of it the recording knows: exactly, at least, or not at
all. No numpy is imported here.
"""

from app.queries.figures import _number_text as text
from app.queries.figures._consistent_answer import consistent_answer
from app.queries.figures._last_instant import last_instant
from app.queries.figures._lower_bounds import (
    AT_LEAST,
    NOT_RECORDED,
    AtLeast,
    Bounds,
    Part,
    bounded,
    could_hold,
    figure,
    is_recorded,
    known,
)
from app.queries.figures._number_text import (
    THIN_SPACE,
    duration,
    hex_gpa,
    lines,
    plural,
    rate,
    share,
)
from app.queries.figures._row_ids import row_id
from app.queries.figures._totals import TotalsView, known_mixed, totals_view

__all__ = [
    "AT_LEAST",
    "NOT_RECORDED",
    "THIN_SPACE",
    "AtLeast",
    "Bounds",
    "Part",
    "TotalsView",
    "bounded",
    "consistent_answer",
    "could_hold",
    "duration",
    "figure",
    "hex_gpa",
    "is_recorded",
    "known",
    "known_mixed",
    "last_instant",
    "lines",
    "plural",
    "rate",
    "row_id",
    "share",
    "text",
    "totals_view",
]
