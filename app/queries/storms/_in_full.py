"""One storm with all that is counted about it, as JSON has it."""

from dataclasses import dataclass

from app.queries.storms._parts import StretchView
from app.queries.storms._storms import StormRow


@dataclass(frozen=True, slots=True)
class StormView:
    """One storm in full."""

    storm: StormRow
    facts: StretchView
