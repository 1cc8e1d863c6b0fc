"""Commands that make a recording, or show how to: `collect`, `simulate`, `import`, `snapshot`,
`recipe`; and `trigger`, for a collector that waits to begin one.

A source of `collector` (a live host, a file, a simulated guest) is played into a writer of
`app.store`, which is finished even where the source ends by a signal or an error.
"""

from app.commands.recording import (
    _collect as collect,
    _import as import_,
    _recipe as recipe,
    _simulate as simulate,
    _snapshot as snapshot,
    _trigger as trigger,
)
from app.commands.recording._import import ImportTask, import_one
from app.commands.recording._simulate import showing_of

__all__ = [
    "ImportTask",
    "collect",
    "import_",
    "import_one",
    "recipe",
    "showing_of",
    "simulate",
    "snapshot",
    "trigger",
]
