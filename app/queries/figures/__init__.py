"""How a figure is written, and how much of it the recording knows: exactly, at least, or not at
all. No numpy is imported here.
"""

from app.queries.figures import _text as text
from app.queries.figures._damage_met import answer_of_one_piece
from app.queries.figures._known import (
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
from app.queries.figures._last_instant import last_instant
from app.queries.figures._row_ids import row_id
from app.queries.figures._text import THIN_SPACE, duration, lines, plural, rate, share
from app.queries.figures._totals import TotalsView, known_mixed, totals_view

__all__ = [
    "AT_LEAST",
    "NOT_RECORDED",
    "THIN_SPACE",
    "AtLeast",
    "Bounds",
    "Part",
    "TotalsView",
    "answer_of_one_piece",
    "bounded",
    "could_hold",
    "duration",
    "figure",
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
