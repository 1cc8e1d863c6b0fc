"""Storms while they happen: of the recordings that are being written, each event read once.

`LiveStorms` looks at what was committed since it looked last and finds the storms that
`app.queries.storms` finds in the finished recording, by the same rules and with the same ids. The
dashboard has one for all its pages, `gmemscope collect` another for its journal.
"""

from app.queries.live._live_storms import LiveStorms
from app.queries.live._storm_lines import begun_line, ended_line, withdrawn_line
from app.queries.live._vm_storms import LiveStorm

__all__ = [
    "LiveStorm",
    "LiveStorms",
    "begun_line",
    "ended_line",
    "withdrawn_line",
]
