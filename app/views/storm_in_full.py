"""One storm with all that is counted about it, as JSON has it."""

from dataclasses import dataclass

from app.views.storms import StormRow
from app.views.stretch_parts import StretchView


@dataclass(frozen=True, slots=True)
class StormView:
    """One storm in full."""

    storm: StormRow
    facts: StretchView
