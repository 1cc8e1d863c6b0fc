"""Everything that can be asked of a database, from any thread, beside any writer.

`Reader` is the door within the door: events, changes, page states at an instant, rasters,
timelines.
"""

from app.store.read._checking import Checked, Finding, check
from app.store.read._event_reader import DAMAGE, Expired
from app.store.read._reader import Reader, has_churn

__all__ = [
    "DAMAGE",
    "Checked",
    "Expired",
    "Finding",
    "Reader",
    "check",
    "has_churn",
]
